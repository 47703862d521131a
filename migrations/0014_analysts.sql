-- The contract with analysts, rounded off: when a session counts as over, the ledger of minutes, days ready made.

-- Open, and nothing has happened for a day: such a session waits for an end that nobody gives. One rule for views and
-- answers; each says for which instant it asks.
create function analytics.is_stale_open(session_state text, started_at timestamptz, last_activity_at timestamptz,
                                        live_participants int, at timestamptz) returns boolean
  language sql stable parallel safe
  return (session_state = 'open' or session_state = 'live' and coalesce(live_participants, 1) = 0)
         and at - greatest(started_at, last_activity_at) > interval '24 hours';
comment on function analytics.is_stale_open is
  'Whether a session still counts as open at an instant although nothing has happened for 24 hours: an open chat, or a live meeting that nobody is in. Never null.';

-- Until when a session is taken to have run, for whoever splits its time or asks which sessions there were at an instant.
-- A chat that nobody closes does not run for ever: once it is stale it ended half an hour after the last sign of life.
-- What never started has no length, whatever else is said of it.
create function analytics.effective_ended_at(session_state text, started_at timestamptz, ended_at timestamptz,
                                             last_activity_at timestamptz, live_participants int, at timestamptz)
  returns timestamptz
  language sql stable parallel safe
  return case when session_state = 'never_started' then started_at
              when ended_at is not null then greatest(started_at, ended_at)
              when analytics.is_stale_open(session_state, started_at, last_activity_at, live_participants, at)
              then greatest(started_at, last_activity_at) + interval '30 minutes'
              when session_state in ('live', 'open') then greatest(started_at, at) end;
comment on function analytics.effective_ended_at is
  'Until when a session is taken to have run, as of an instant: its start if it never started; its end, if that is not before its start; while it runs, that instant; 30 minutes after the last sign of life once it is_stale_open. Null: its end is not known.';

-- Columns at the end of the view, whatever it has by now. As of the moment in which it is read.
do $$
begin
  execute 'create or replace view analytics.sessions as select s.*,
                  analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, s.live_participants, now())
                    as is_stale_open,
                  analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                               s.live_participants, now()) as effective_ended_at
             from (' || rtrim(pg_get_viewdef('analytics.sessions'::regclass), '; ') || ') s';
end $$;
comment on column analytics.sessions.is_stale_open is 'True for a chat that is open, and for a live meeting that nobody is in, when nothing has happened for 24 hours. Never null.';
comment on column analytics.sessions.effective_ended_at is 'Until when the session is taken to have run: started_at if it never started; ended_at; now, while it runs; 30 minutes after the last sign of life once it is_stale_open. Null: its end is not known. For minutes split over time, and for concurrency.';

-- The ledger: a row per session and kind of minutes it can have. No row: not applicable. A row without minutes: unknown.
-- One branch a kind, so that a question for one kind reads nothing of the others.
create or replace view analytics.session_minutes as
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'consumed' as minutes_kind, s.minutes_basis, s.minutes_consumed as minutes, s.is_provisional,
       s.is_part_of_session, s.is_deleted_at_provider, true as is_billable
  from analytics.sessions s
 where s.minutes_basis is not null
union all
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'wall_clock', 'elapsed', s.elapsed_minutes, s.is_provisional,
       s.is_part_of_session, s.is_deleted_at_provider, false
  from analytics.sessions s
union all
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'participant', 'participant_time', s.participant_minutes, s.is_provisional,
       s.is_part_of_session, s.is_deleted_at_provider, false
  from analytics.sessions s
 where s.session_kind in ('meeting', 'livestream')
union all
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'active', 'activity',
       case when s.message_count is not null
            then coalesce((select sum(least(gap.seconds, 300)) filter (where gap.seconds is not null) / 60
                             from (select extract(epoch from m.sent_at - lag(m.sent_at) over (order by m.sent_at, m.position))
                                            as seconds
                                     from core.messages m
                                    where m.source_id = s.source_id and m.session_id = s.session_id
                                      and m.sent_at is not null) gap), 0) end,
       s.is_provisional, s.is_part_of_session, s.is_deleted_at_provider, false
  from analytics.sessions s
 where s.session_kind = 'chat';
comment on view analytics.session_minutes is 'The ledger of minutes: one row per session and kind of minutes it can have. No row: not applicable. A row whose minutes are null: not known.';
comment on column analytics.session_minutes.minutes_kind is 'consumed (what the provider meters), wall_clock (from start to end), participant (sum of the presences in a meeting) or active (chats: the gaps between messages, five minutes of each at most).';
comment on column analytics.session_minutes.minutes_basis is 'What a minute of it is: participant_time, session_time, elapsed or activity. Never add different bases or kinds without saying so.';
comment on column analytics.session_minutes.is_billable is 'True for what a provider sells by the minute: the kind consumed.';

-- Days ready made. No table is kept: each day is a range scan of its own, exact in any zone.
create function analytics.sessions_by_day(range_from timestamptz, range_to timestamptz, zone text)
  returns table (day_start timestamptz, day date, source_id int, source text, provider text, session_kind text,
                 channel text, session_count bigint, ended_session_count bigint, never_started_session_count bigint,
                 minutes_basis text, minutes_consumed numeric, minutes_consumed_unknown_count bigint,
                 wall_clock_minutes numeric, wall_clock_unknown_count bigint,
                 participant_minutes numeric, participant_count bigint, participant_unknown_count bigint,
                 resolved_session_count bigint, unresolved_session_count bigint, open_session_count bigint,
                 outcome_unknown_count bigint,
                 message_count bigint, user_message_count bigint, assistant_message_count bigint,
                 message_unknown_count bigint)
  language sql stable
begin atomic
  select b.bucket_start, analytics.local_date(b.bucket_start, zone), d.*
    from analytics.buckets(range_from, range_to, '1 day', zone) b
   cross join lateral (
         select s.source_id, s.source, s.provider, s.session_kind, s.channel,
                count(*), count(*) filter (where s.session_state = 'ended'),
                count(*) filter (where s.session_state = 'never_started'),
                s.minutes_basis, sum(s.minutes_consumed),
                count(*) filter (where s.minutes_basis is not null and s.minutes_consumed is null),
                sum(s.elapsed_minutes), count(*) filter (where s.elapsed_minutes is null),
                sum(s.participant_minutes), sum(s.participant_count)::bigint,
                count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_minutes is null),
                case when s.has_outcomes then count(*) filter (where s.outcome = 'resolved') end,
                case when s.has_outcomes then count(*) filter (where s.outcome = 'unresolved') end,
                case when s.has_outcomes then count(*) filter (where s.outcome = 'open') end,
                count(*) filter (where s.outcome = 'unknown'),
                sum(s.message_count)::bigint, sum(s.user_message_count)::bigint, sum(s.assistant_message_count)::bigint,
                count(*) filter (where s.message_support <> 'none' and s.message_count is null
                                   and s.chat_state is distinct from 'not_enabled')
           from analytics.sessions s
          where s.started_at >= b.bucket_start and s.started_at < b.bucket_end
            and not s.is_part_of_session and not s.is_deleted_at_provider
          group by s.source_id, s.source, s.provider, s.session_kind, s.channel, s.minutes_basis, s.has_outcomes) d;
end;
comment on function analytics.sessions_by_day is
  'Sessions by the day they began in, in an IANA time zone: what may be added over days, sources, kinds and channels, and nothing else. Breakout rooms and deleted sessions are left out. A day without sessions has no row. Columns as in sessions_daily.';

create view analytics.sessions_daily as
select d.*
  from (select date_trunc('day', min(s.started_at), 'UTC') as range_from,
               date_trunc('day', max(s.started_at), 'UTC') + interval '24 hours' as range_to from core.sessions s) whole
 cross join lateral analytics.sessions_by_day(whole.range_from, whole.range_to, 'UTC') d;
comment on view analytics.sessions_daily is 'Sessions by the UTC day they began in: what may be added over days, sources, kinds and channels. For days of another zone: sessions_by_day. Breakout rooms and deleted sessions are left out. A day without sessions has no row; whether it is complete, stream_freshness tells.';
comment on column analytics.sessions_daily.day_start is 'First instant of the day.';
comment on column analytics.sessions_daily.day is 'The day.';
comment on column analytics.sessions_daily.source_id is 'The source.';
comment on column analytics.sessions_daily.source is 'Slug of the source.';
comment on column analytics.sessions_daily.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.sessions_daily.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.sessions_daily.channel is 'Konvo: way of contact; null: not said, or no chat.';
comment on column analytics.sessions_daily.session_count is 'Sessions that began on the day.';
comment on column analytics.sessions_daily.ended_session_count is 'Of these, those that have ended.';
comment on column analytics.sessions_daily.never_started_session_count is 'Of these, those that nobody ever reached.';
comment on column analytics.sessions_daily.minutes_basis is 'What a metered minute is: participant_time or session_time; null: nothing is metered. Never add different bases without saying so.';
comment on column analytics.sessions_daily.minutes_consumed is 'Metered minutes of sessions that began on the day; null: not applicable, or no session tells any.';
comment on column analytics.sessions_daily.minutes_consumed_unknown_count is 'Sessions whose metered minutes are not known.';
comment on column analytics.sessions_daily.wall_clock_minutes is 'Minutes from start to end, an open chat up to its last message; null: no session tells any.';
comment on column analytics.sessions_daily.wall_clock_unknown_count is 'Sessions whose length is not known.';
comment on column analytics.sessions_daily.participant_minutes is 'Meetings: sum of the presences, minutes; null: not applicable, or no session tells any.';
comment on column analytics.sessions_daily.participant_count is 'Meetings: presences; null: not applicable, or never fetched.';
comment on column analytics.sessions_daily.participant_unknown_count is 'Meetings whose presences, or their lengths, are not known.';
comment on column analytics.sessions_daily.resolved_session_count is 'Sessions that began on the day and were resolved since, whenever that was; null: not applicable. Not the figure of the metric resolved_sessions, which goes by the day of completion.';
comment on column analytics.sessions_daily.unresolved_session_count is 'The same, completed and flagged unresolved.';
comment on column analytics.sessions_daily.open_session_count is 'The same, not completed yet.';
comment on column analytics.sessions_daily.outcome_unknown_count is 'Sessions whose outcome the provider did not say.';
comment on column analytics.sessions_daily.message_count is 'Messages of sessions that began on the day, whenever they were sent; null: not applicable, or none was fetched.';
comment on column analytics.sessions_daily.user_message_count is 'Of these, those of the customer; null in meetings.';
comment on column analytics.sessions_daily.assistant_message_count is 'Of these, those of the AI or agent; null in meetings.';
comment on column analytics.sessions_daily.message_unknown_count is 'Sessions that can have messages and whose messages were never fetched.';

-- The time by which a dashboard cuts stands first in each view that has one.
drop view analytics.session_trail_steps;
create view analytics.session_trail_steps as
select s.started_at::timestamptz as started_at, t.session_id, t.source_id, src.source_slug as source, src.provider,
       t.step_number, t.step_type, s.is_deleted_at_provider
  from core.konvo_trail_steps t
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = t.source_id and s.session_id = t.session_id;
comment on view analytics.session_trail_steps is 'Konvo: the way of a chat through the AIs skills, one row a step.';
comment on column analytics.session_trail_steps.started_at is 'When the session began.';
comment on column analytics.session_trail_steps.session_id is 'The session.';
comment on column analytics.session_trail_steps.source_id is 'Its source.';
comment on column analytics.session_trail_steps.source is 'Slug of the source.';
comment on column analytics.session_trail_steps.provider is 'Always konvo so far.';
comment on column analytics.session_trail_steps.step_number is 'Place in the trail, from 1.';
comment on column analytics.session_trail_steps.step_type is 'Kind of step; null: its form is not documented.';
comment on column analytics.session_trail_steps.is_deleted_at_provider is 'True once the provider no longer lists the session; leave it out of figures.';

drop view analytics.session_summaries;
create view analytics.session_summaries as
select s.started_at::timestamptz as started_at, m.session_id, m.source_id, src.source_slug as source, src.provider,
       m.word_count, m.format, m.fetched_at::timestamptz as fetched_at
  from core.session_summaries m
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = m.source_id and s.session_id = m.session_id;
comment on view analytics.session_summaries is 'One row per summary, without its text (see analytics_pii.session_summaries).';
comment on column analytics.session_summaries.started_at is 'When the session began.';
comment on column analytics.session_summaries.session_id is 'The session.';
comment on column analytics.session_summaries.source_id is 'Its source.';
comment on column analytics.session_summaries.source is 'Slug of the source.';
comment on column analytics.session_summaries.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_summaries.word_count is 'Words.';
comment on column analytics.session_summaries.format is 'markdown or text.';
comment on column analytics.session_summaries.fetched_at is 'When it was fetched.';

-- Whether what is proven is recent enough to act on, at the moment of reading.
create or replace view analytics.stream_freshness as
select src.source_slug as source, src.provider, st.stream,
       w.window_to::timestamptz as complete_through,
       st.last_success_at::timestamptz as last_success_at,
       st.last_attempt_at::timestamptz as last_attempt_at,
       coalesce(st.last_verdict, 'never_ran') as last_verdict,
       src.history_from::timestamptz as history_from,
       (select count(*) from ingest.rejects r
         where r.source_id = st.source_id and r.stream = st.stream and r.resolved_at is null) as open_reject_count,
       src.is_enabled,
       case when not src.is_enabled then 'disabled'
            when st.stream <> 'sessions' then 'not_applicable'
            when w.window_to is null then 'unproven'
            when now() - w.window_to <= interval '30 minutes' then 'fresh'
            else 'stale' end as freshness_state,
       extract(epoch from greatest(now() - w.window_to, interval '0'))::numeric as lag_seconds,
       st.source_id
  from ingest.streams st
  join core.sources src using (source_id)
  left join lateral (
       select window_to from ingest.windows w
        where w.source_id = st.source_id and w.stream = st.stream and w.is_complete
          and w.window_from <= src.history_from and w.window_to > src.history_from
        limit 1) w on true;
comment on column analytics.stream_freshness.freshness_state is 'fresh (proven up to half an hour ago or less), stale, unproven (nothing is proven yet), disabled (no longer polled), not_applicable (fetched session by session: see session_artifacts).';
comment on column analytics.stream_freshness.lag_seconds is 'How far complete_through lies behind the present, seconds; null: nothing is proven yet.';
comment on column analytics.stream_freshness.source_id is 'Our number for the source.';

comment on schema analytics is 'The contract with analysts: views and functions, without personal data. Columns are only added; what will go is called deprecated in its comment for a release first.';
comment on schema analytics_pii is 'Texts, names and contacts, for whoever may see them.';
comment on view analytics.contract_version is 'Version of the analytics schema: see docs/analysts.md.';

-- Once more for roles that an administrator made after the first migrations, and for the views made anew.
do $$
begin
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst') then
    grant usage on schema analytics to tributary_analyst;
    grant select on all tables in schema analytics to tributary_analyst;
    alter default privileges in schema analytics grant select on tables to tributary_analyst;
  else
    raise notice 'the role tributary_analyst does not exist: docs/analysts.md says how to make it';
  end if;
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst_pii') then
    grant usage on schema analytics, analytics_pii to tributary_analyst_pii;
    grant select on all tables in schema analytics, analytics_pii to tributary_analyst_pii;
    alter default privileges in schema analytics, analytics_pii grant select on tables to tributary_analyst_pii;
  else
    raise notice 'the role tributary_analyst_pii does not exist: docs/analysts.md says how to make it';
  end if;
end $$;
