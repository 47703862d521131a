-- The cost of each session in its own row, so that sums over many sessions need no grouping by session. The cards in
-- force are those of the period of its start. Only what is sold presence by presence is looked up. All other columns
-- are those of sessions, in their order. The narrow view, by the same rule, is planned in half the time.
do $do$
declare
  -- Citus calls no function that reads tables for a row on a node, so it joins what the function reads.
  is_spread boolean := exists (select from pg_extension where extname = 'citus');
  variant record;
begin
  for variant in values ('analytics.priced_sessions', 'analytics.sessions'::regclass),
                        ('ingest.narrow_priced_sessions', 'ingest.narrow_sessions') loop
  execute format($view$
create or replace view %4$s as
select s.started_at,
       case when way.is_by_connection
            then coalesce(%1$s.cost + coalesce(sold.session_cost, 0) + coalesce(sold.resolution_cost, 0),
                          sold.session_cost + coalesce(sold.resolution_cost, 0), sold.resolution_cost)
            when price.minute_card_id is not null and s.minutes_consumed is not null
            then round(sold.minutes * price.minute_price, 18)
                 + coalesce(sold.session_cost, 0) + coalesce(sold.resolution_cost, 0)
            when price.session_card_id is not null then sold.session_cost + coalesce(sold.resolution_cost, 0)
            else sold.resolution_cost end as list_cost,
       case when way.is_by_connection
            then coalesce(%1$s.is_priced, false)
            when s.minutes_basis is not null then price.minute_card_id is not null and s.minutes_consumed is not null
            else price.session_card_id is not null or price.resolution_card_id is not null end
         and (s.outcome <> 'unknown' or price.resolution_card_id is null) as is_priced,
       case when s.minutes_consumed is null then null
            when way.is_by_connection
            then %1$s.unpriced_minutes
            when price.minute_card_id is null then s.minutes_consumed
            else 0 end as unpriced_minutes,
       case when way.is_by_connection then %1$s.minutes
            else sold.minutes end as rounded_minutes,
       price.minute_card_id, price.session_card_id, price.resolution_card_id,
       way.is_by_connection as is_sold_by_connection,
       %2$s
  from %5$s s
  left join ingest.price_periods price
    on price.source_id = s.source_id and s.started_at >= price.valid_from and s.started_at < price.valid_to
 cross join lateral (
       select coalesce(price.is_sold_by_connection, false)
              and s.session_kind in ('meeting', 'livestream') as is_by_connection) way
 cross join lateral (
       select analytics.rounded_minutes(s.minutes_consumed, ceil(s.minutes_consumed), price.minute_rounding,
                                        price.minute_step) as minutes,
              -- a session that is not sold costs nothing; the resolution of an unknown outcome has no known cost
              round((s.session_state <> 'never_started')::int * price.session_price, 18) as session_cost,
              round(case when s.outcome <> 'unknown' then (s.outcome = 'resolved')::int end
                    * price.resolution_price, 18) as resolution_cost) sold
 %3$s$view$,
    case when is_spread then 'amounts' else '(ingest.connection_amounts(s.source_id, s.session_id))' end,
    (select string_agg(format('s.%I', a.attname), ', ' order by a.attnum) from pg_attribute a
      where a.attrelid = variant.column2 and a.attnum > 0 and not a.attisdropped and a.attname <> 'started_at'),
    case when is_spread then $join$
  left join lateral (
       select x.* from ingest.connection_sums x where x.source_id = s.source_id and x.session_id = s.session_id) amounts
    on way.is_by_connection$join$ end,
    variant.column1, variant.column2);
  end loop;
end
$do$;

comment on view analytics.priced_sessions is
  'Sessions with the cost of each by the rate cards in force, the sum of its rows in session_costs. All other columns '
  'are those of sessions. Other rate cards change rows at any time.';
comment on column analytics.priced_sessions.list_cost is
  'Cost of what has a price; null: no part of the session has a price, or a known quantity, which is not zero.';
comment on column analytics.priced_sessions.is_priced is
  'Whether every part of the session has a price and a quantity.';
comment on column analytics.priced_sessions.unpriced_minutes is
  'Metered minutes that no card prices; null: not known, or not metered.';
comment on column analytics.priced_sessions.rounded_minutes is
  'Minutes as they are sold, after rounding; null: a part is not known, or no minutes are sold.';
comment on column analytics.priced_sessions.minute_card_id is
  'Number of the card that prices all minutes of the session; null: none is in force.';
comment on column analytics.priced_sessions.session_card_id is
  'Number of the card that prices the session; null: none is in force.';
comment on column analytics.priced_sessions.resolution_card_id is
  'Number of the card that prices its resolution; null: none is in force.';
comment on column analytics.priced_sessions.is_sold_by_connection is
  'Whether its minutes are sold presence by presence: a card in force at its start names presets or rounds each '
  'presence.';
do $$
declare
  same record;
begin
  for same in
    select a.attname, col_description(a.attrelid, a.attnum) as comment
      from pg_attribute a
     where a.attrelid = 'analytics.sessions'::regclass and a.attnum > 0 and not a.attisdropped
  loop
    execute format('comment on column analytics.priced_sessions.%I is %L', same.attname, same.comment);
  end loop;
end
$$;
