-- How many at once, and what it costs.

-- The end of a session for whoever asks which sessions there were at an instant. What runs is there until `at`. A chat
-- that nobody completed, or a meeting that nobody is in, is not there for ever: after a day without a sign of life it
-- ended half an hour after the last one. Null: it ended, and nobody knows when; or it never was.
create function analytics.effective_end(session_state text, started_at timestamptz, ended_at timestamptz,
                                        last_activity_at timestamptz, live_participants int, at timestamptz)
  returns timestamptz language sql stable parallel safe
  return case
    when session_state = 'never_started' then null
    when ended_at is not null then ended_at
    when session_state not in ('live', 'open') then null
    when (session_state = 'open' or live_participants = 0)
         and coalesce(last_activity_at, started_at) <= at - interval '24 hours'
    then coalesce(last_activity_at, started_at) + interval '30 minutes'
    else greatest(at, started_at) end;
comment on function analytics.effective_end is
  'Until when a session counts as going on, seen at an instant: its end; while it runs, that instant; for an open chat or an empty meeting without a sign of life for 24 hours, 30 minutes after the last one. Null: the end is not known, or it never started.';

-- Changes of one along time, summed up; ends before starts, since the changes of one instant are added first. Each
-- bucket begins with a change of zero, which carries in what began before it.
create function analytics.concurrency(range_from timestamptz, range_to timestamptz, step interval,
                                      zone text default 'UTC', only_source text default null)
  returns table (bucket_start timestamptz, bucket_end timestamptz, provider text, peak int, average numeric)
  language sql stable
begin atomic
  with cut as (
    select b.bucket_start, b.bucket_end, least(b.bucket_end, now()) as counted_to,
           (row_number() over (order by b.bucket_start))::int as bucket
      from analytics.buckets(range_from, range_to, step, zone) b
  ), span as (
    select s.provider, s.started_at, until.ended_at
      from analytics.sessions s
     cross join lateral (
           select analytics.effective_end(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                          s.live_participants, now()) as ended_at) until
     where s.started_at < range_to and until.ended_at > range_from and until.ended_at > s.started_at
       and (s.ended_at > range_from or s.session_state in ('live', 'open'))
       and not s.is_part_of_session and not s.is_deleted_at_provider
       and (only_source is null or s.source = only_source)
  ), change as (
    select span.provider, span.started_at as at, 1 as step from span
    union all select span.provider, span.ended_at, -1 from span
    union all select who.provider, cut.bucket_start, 0
                from (select distinct src.provider from analytics.sources src
                       where only_source is null or src.source = only_source) who
               cross join cut
  ), level as (
    select change.provider, change.at,
           sum(sum(change.step)) over (partition by change.provider order by change.at) as level,
           lead(change.at) over (partition by change.provider order by change.at) as next_at
      from change group by change.provider, change.at
  ), placed as (
    select level.*, width_bucket(level.at, (select array_agg(cut.bucket_start order by cut.bucket_start) from cut)) as bucket
      from level where level.at >= range_from and level.at < range_to
  )
  select cut.bucket_start, cut.bucket_end, placed.provider, max(placed.level)::int,
         round(sum(placed.level * extract(epoch from greatest(least(placed.next_at, cut.counted_to) - placed.at,
                                                              interval '0')))
               / nullif(extract(epoch from greatest(cut.counted_to - cut.bucket_start, interval '0')), 0), 9)
    from placed
    join cut using (bucket)
   group by cut.bucket_start, cut.bucket_end, cut.counted_to, placed.provider
   order by cut.bucket_start, placed.provider;
end;
comment on function analytics.concurrency is
  'Most sessions at once and their average in each bucket, by provider. Sessions count from started_at to effective_end; of no length, of unknown end, breakout rooms and deleted ones do not. The part of a bucket that has not come does not count; a bucket that has not begun has no average. Peaks must not be added: the peak of two providers is not the sum of theirs.';

-- What a minute, a session or a resolution costs, as the owner entered it. A row is never changed or deleted: a new set
-- of cards ends the ones it does not repeat. Cards of one scenario have one currency, and at most one of them is in
-- force for a source, a unit and a pattern at a time: whoever writes sees to both.
create table core.rate_cards (
  rate_card_id   bigint generated by default as identity,
  valid_from     core.instant not null,      -- first start of a session it prices
  valid_to       core.instant,               -- first start after it; null: until further notice
  recorded_at    core.instant not null,
  replaced_at    core.instant,               -- null: it stands
  unit_price     numeric not null check (unit_price >= 0),
  source_id      int not null references core.sources,
  step_minutes   int check (step_minutes > 0),
  scenario       text not null,              -- actual: what is paid; others: what might be
  unit           text not null check (unit in ('minute', 'session', 'resolution')),
  currency       text not null check (currency ~ '^[A-Z]{3}$'),
  preset_pattern text not null,              -- presets of participants it is for; * stands for any text
  rounding       text not null check (rounding in ('none', 'ceil_per_connection', 'ceil_per_session', 'step')),
  primary key (source_id, rate_card_id),
  check (valid_to > valid_from),
  check ((rounding = 'step') = (step_minutes is not null)),
  check (unit = 'minute' or (rounding = 'none' and preset_pattern = '*'))
);
comment on table core.rate_cards is 'Prices as entered, with the time they are for. Rows are only added and ended.';

create view analytics.rate_cards as
select c.valid_from::timestamptz as valid_from, c.valid_to::timestamptz as valid_to, c.rate_card_id, c.source_id,
       src.source_slug as source, src.provider, c.scenario, c.unit, c.unit_price, c.currency, c.preset_pattern,
       c.rounding, c.step_minutes, c.recorded_at::timestamptz as recorded_at
  from core.rate_cards c
  join core.sources src using (source_id)
 where c.replaced_at is null;
comment on view analytics.rate_cards is 'Prices that stand, by source.';
comment on column analytics.rate_cards.valid_from is 'First start of a session it prices.';
comment on column analytics.rate_cards.valid_to is 'First start after those it prices; null: until further notice.';
comment on column analytics.rate_cards.rate_card_id is 'Our number.';
comment on column analytics.rate_cards.source_id is 'Its source.';
comment on column analytics.rate_cards.source is 'Slug of the source.';
comment on column analytics.rate_cards.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.rate_cards.scenario is 'actual: what is paid; other names: what might be.';
comment on column analytics.rate_cards.unit is 'What is priced: minute, session or resolution.';
comment on column analytics.rate_cards.unit_price is 'Price of one, exact.';
comment on column analytics.rate_cards.currency is 'ISO 4217; the same for all cards of a scenario.';
comment on column analytics.rate_cards.preset_pattern is 'Presets of participants it is for, * for any text; where several fit, the longest wins.';
comment on column analytics.rate_cards.rounding is 'none; ceil_per_connection: each presence to the next minute; ceil_per_session: each session to the next minute; step: each session to the next multiple of step_minutes.';
comment on column analytics.rate_cards.step_minutes is 'Minutes sold at a time; null but for rounding step.';
comment on column analytics.rate_cards.recorded_at is 'When it was entered.';

-- Minutes as they are sold: `minutes` of a session, or of those in it with one preset; `by_connection` the same with
-- each presence rounded up by itself.
create function analytics.rounded_minutes(minutes numeric, by_connection numeric, rounding text, step_minutes int)
  returns numeric language sql immutable parallel safe
  return case rounding
    when 'ceil_per_connection' then by_connection
    when 'ceil_per_session' then ceil(minutes)
    when 'step' then ceil(minutes / step_minutes) * step_minutes
    else minutes end;
comment on function analytics.rounded_minutes is 'Minutes as they are sold, by the rounding of a rate card; null: as they are.';

-- Whether a preset fits a pattern; only * is special.
create function analytics.fits_pattern(preset_name text, pattern text) returns boolean
  language sql immutable parallel safe
  return pattern = '*' or coalesce(
    preset_name like replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), false);
comment on function analytics.fits_pattern is 'Whether the preset of a participant fits the pattern of a rate card.';

-- What is sold of each session, and for how much; names after FOCUS. Minutes of a meeting are sold presence by presence
-- where a card of its source names presets or rounds each of them, else as the provider meters them.
create view analytics.session_costs as
with card as (
  select c.rate_card_id, c.source_id, c.unit, c.unit_price, c.currency, c.preset_pattern, c.rounding, c.step_minutes,
         c.valid_from::timestamptz as valid_from, coalesce(c.valid_to, 'infinity'::timestamptz) as valid_to
    from core.rate_cards c
   where c.replaced_at is null and c.scenario = 'actual'
     and coalesce(current_setting('tributary.rate_cards', true), '') = ''
  union all
  -- what if: other cards for one transaction, as a list of objects
  select -w.place, w.source_id, w.unit, w.unit_price, w.currency, w.preset_pattern, w.rounding, w.step_minutes,
         w.valid_from, coalesce(w.valid_to, 'infinity'::timestamptz)
    from jsonb_to_recordset(coalesce(nullif(current_setting('tributary.rate_cards', true), ''), '[]')::jsonb)
      as w (place bigint, source_id int, unit text, unit_price numeric, currency text, preset_pattern text,
            rounding text, step_minutes int, valid_from timestamptz, valid_to timestamptz)
), way as (
  select card.source_id, bool_or(unit = 'minute') as has_minutes,
         coalesce(bool_or(unit = 'minute' and (preset_pattern <> '*' or rounding = 'ceil_per_connection')), false)
           as is_by_connection
    from card group by card.source_id
)
select s.started_at, s.completed_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.channel,
       s.outcome, sold.pricing_unit, sold.preset_name, sold.consumed_quantity, card.rounding as pricing_rounding,
       analytics.rounded_minutes(sold.consumed_quantity, sold.by_connection, card.rounding, card.step_minutes)
         as pricing_quantity,
       card.unit_price as list_unit_price,
       analytics.rounded_minutes(sold.consumed_quantity, sold.by_connection, card.rounding, card.step_minutes)
         * card.unit_price as list_cost,
       card.currency as billing_currency, sold.rate_card_id,
       s.is_provisional, s.is_part_of_session, s.is_deleted_at_provider
  from analytics.sessions s
  left join way on way.source_id = s.source_id
 cross join lateral (
       select 'minute' as pricing_unit, null::text as preset_name, s.minutes_consumed as consumed_quantity,
              ceil(s.minutes_consumed) as by_connection,
              (select fit.rate_card_id from card fit
                where fit.source_id = s.source_id and fit.unit = 'minute' and fit.preset_pattern = '*'
                  and s.started_at >= fit.valid_from and s.started_at < fit.valid_to) as rate_card_id
        where s.minutes_basis is not null and way.has_minutes is not false
          and not (coalesce(way.is_by_connection, false) and s.session_kind in ('meeting', 'livestream'))
       union all
       -- who was there is not known yet: then neither is the price
       select 'minute', null, s.minutes_consumed, ceil(s.minutes_consumed), null
        where way.is_by_connection and s.session_kind in ('meeting', 'livestream') and s.participant_count is null
       union all
       -- nobody was there: that is free, whatever the price
       select 'minute', null, 0, 0,
              (select min(fit.rate_card_id) from card fit
                where fit.source_id = s.source_id and fit.unit = 'minute'
                  and s.started_at >= fit.valid_from and s.started_at < fit.valid_to)
        where way.is_by_connection and s.session_kind in ('meeting', 'livestream') and s.participant_count = 0
       union all
       select 'minute', p.preset_name, sum(p.duration_seconds) / 60, sum(ceil(p.duration_seconds / 60)), fit.rate_card_id
         from analytics.participants p
         left join lateral (
              select c.rate_card_id from card c
               where c.source_id = s.source_id and c.unit = 'minute'
                 and s.started_at >= c.valid_from and s.started_at < c.valid_to
                 and analytics.fits_pattern(p.preset_name, c.preset_pattern)
               order by length(c.preset_pattern) desc, c.preset_pattern = '*', c.preset_pattern limit 1) fit on true
        where way.is_by_connection and s.session_kind in ('meeting', 'livestream') and s.participant_count is not null
          and p.source_id = s.source_id and p.session_id = s.session_id
        group by p.preset_name, fit.rate_card_id, p.duration_seconds is null
       union all
       -- none sold is known to be none
       select fit.unit, null, sale.quantity, sale.quantity, fit.rate_card_id
         from card fit
        cross join lateral (
              select case when fit.unit = 'session' then (s.session_state <> 'never_started')::int
                          when s.outcome = 'unknown' then null
                          else (s.outcome = 'resolved')::int end as quantity) sale
        where fit.source_id = s.source_id and fit.unit <> 'minute'
          and s.started_at >= fit.valid_from and s.started_at < fit.valid_to) sold
  left join card on card.rate_card_id = sold.rate_card_id;
comment on view analytics.session_costs is 'What is sold of each session and for how much, by the rate cards that stand. A session has a row for each unit that is priced, and for its metered minutes also where nothing prices them; none at all where nothing is sold. The setting tributary.rate_cards, a JSON list of cards, replaces the cards for a what-if.';
comment on column analytics.session_costs.started_at is 'When the session began; decides which card is in force.';
comment on column analytics.session_costs.completed_at is 'When a chat was completed.';
comment on column analytics.session_costs.session_id is 'The session.';
comment on column analytics.session_costs.source_id is 'Its source.';
comment on column analytics.session_costs.source is 'Slug of the source.';
comment on column analytics.session_costs.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_costs.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.session_costs.channel is 'As in sessions.';
comment on column analytics.session_costs.outcome is 'As in sessions.';
comment on column analytics.session_costs.pricing_unit is 'minute, session or resolution.';
comment on column analytics.session_costs.preset_name is 'Preset of the participants whose minutes these are; null: not sold by preset, or not known.';
comment on column analytics.session_costs.consumed_quantity is 'How much was used, in pricing_unit; null: not known.';
comment on column analytics.session_costs.pricing_rounding is 'Rounding of the card; null: nothing prices it.';
comment on column analytics.session_costs.pricing_quantity is 'How much is sold, after rounding; without a card as used.';
comment on column analytics.session_costs.list_unit_price is 'Price of one; null: nothing prices it.';
comment on column analytics.session_costs.list_cost is 'pricing_quantity times list_unit_price, not rounded; null: no price, or quantity not known. Null is not zero.';
comment on column analytics.session_costs.billing_currency is 'ISO 4217; null: nothing prices it.';
comment on column analytics.session_costs.rate_card_id is 'The card; null: nothing prices it.';
comment on column analytics.session_costs.is_provisional is 'True while the session runs or is open.';
comment on column analytics.session_costs.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.session_costs.is_deleted_at_provider is 'True once the provider no longer lists the session; leave it out of sums.';

do $$
begin
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst') then
    grant select on analytics.rate_cards, analytics.session_costs to tributary_analyst;
    grant execute on all functions in schema analytics to tributary_analyst;
  end if;
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst_pii') then
    grant select on analytics.rate_cards, analytics.session_costs to tributary_analyst_pii;
    grant execute on all functions in schema analytics to tributary_analyst_pii;
  end if;
end $$;
