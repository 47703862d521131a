-- The state of stored sessions: when it was last seen, and which part of the past is read again how often.
--
-- A list that goes by creation does not name an old session that changes. The past is therefore read again in rings, and
-- how old the stored state is stands beside how far existence is proven.

-- Ranges by creation, and when each was last read to its proven end. They do not overlap. A range is written with the
-- page that proves it, and no session is touched for it.
create table ingest.state_coverage (
  source_id   int not null references core.sources,
  stream      text not null,
  window_from core.instant not null,
  window_to   core.instant not null,
  seen_at     core.instant not null,     -- when the run that read it began
  primary key (source_id, stream, window_from),
  check (window_from < window_to)
) with (fillfactor = 70);
comment on table ingest.state_coverage is 'When the state of the sessions created in a range was last seen.';

-- A pass of a ring reads what was last seen before the pass began. So a pass that was interrupted goes on where it was.
create table ingest.rings (
  source_id       int not null references core.sources,
  stream          text not null,
  ring            text not null check (ring in ('poll', 'hourly', 'daily', 'weekly')),
  pass_started_at core.instant,          -- when the pass under way began; null: none is under way
  as_of           core.instant,          -- when the last finished pass began; null: none has finished
  finished_at     core.instant,
  primary key (source_id, stream, ring)
) with (fillfactor = 70);
comment on table ingest.rings is 'Passes over the rings in which the past of a list by creation is read again.';

-- What is proven complete, cut by when its state was last seen; null: never since this is kept. A list that goes by time
-- of change names each change, so that its state is as old as the end of what is proven.
create view ingest.state_ranges as
with lists as (
  select w.source_id, w.stream, w.window_from::timestamptz as window_from, w.window_to::timestamptz as window_to,
         min(w.window_to::timestamptz) over (partition by w.source_id, w.stream) as first_end,
         exists (select from ingest.source_facts f
                  where f.source_id = w.source_id and f.name = 'filter_meaning' and f.value = 'updated') as is_by_change
    from ingest.windows w
   where w.is_complete)
select source_id, stream, window_from as range_from, window_to as range_to, first_end as seen_at
  from lists where is_by_change
union all
select l.source_id, l.stream, greatest(l.window_from, c.window_from), least(l.window_to, c.window_to),
       c.seen_at::timestamptz
  from lists l
  join ingest.state_coverage c on c.source_id = l.source_id and c.stream = l.stream
                              and c.window_from < l.window_to and c.window_to > l.window_from
 where not l.is_by_change
union all
select l.source_id, l.stream, lower(hole), upper(hole), null
  from lists l
 cross join lateral unnest(
         tstzmultirange(tstzrange(l.window_from, l.window_to))
         - coalesce((select range_agg(tstzrange(c.window_from, c.window_to)) from ingest.state_coverage c
                      where c.source_id = l.source_id and c.stream = l.stream
                        and c.window_from < l.window_to and c.window_to > l.window_from), '{}')) hole
 where not l.is_by_change;
comment on view ingest.state_ranges is 'What is proven complete, cut by when its state was last seen.';

create or replace view analytics.stream_freshness as
select src.source_slug as source, src.provider, st.stream,
       w.window_to as complete_through,
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
       st.source_id,
       (select case when bool_and(r.seen_at is not null) then min(r.seen_at) end
          from ingest.state_ranges r
         where r.source_id = st.source_id and r.stream = st.stream) as state_as_of
  from ingest.streams st
  join core.sources src using (source_id)
  left join lateral (
       select covered.window_to from ingest.covered_windows covered
        where covered.source_id = st.source_id and covered.stream = st.stream
          and covered.window_from <= src.history_from and covered.window_to > src.history_from
        limit 1) w on true;
comment on column analytics.stream_freshness.state_as_of is 'The oldest instant at which the state of what is stored was last seen, over all history: what changed later may not be stored yet. Null: some of it was never seen again, or nothing is proven.';

-- Which windows of a reconciliation are read even where the counts are equal, so that states are compared and not counts
-- alone; and what was found.
alter table ingest.backfill_units add column compares_states boolean not null default false;
alter table ingest.reconciliations
  add column stale_count bigint not null default 0,      -- sessions whose state had changed since they were last read
  add column stale_ids text[] not null default '{}';     -- the first hundred

create or replace view analytics.reconciliation as
select distinct on (r.source_id, r.stream, r.window_from, r.window_to)
       r.window_from::timestamptz as window_from, r.window_to::timestamptz as window_to, r.source_id,
       src.source_slug as source, src.provider, r.stream, r.checked_at::timestamptz as checked_at, r.state, r.reason,
       r.provider_count as provider_session_count, r.our_count as stored_session_count,
       greatest(r.provider_count - r.our_count, 0) as missing_session_count,
       r.healed_count as healed_session_count, r.surplus_count as surplus_session_count, r.rejected_count,
       r.provider_minutes, r.our_minutes as stored_minutes, r.minutes_state, r.stale_count as stale_session_count
  from ingest.reconciliations r
  join core.sources src using (source_id)
 order by r.source_id, r.stream, r.window_from, r.window_to, r.reconciliation_id desc;
comment on column analytics.reconciliation.stale_session_count is 'Stored sessions whose state had changed at the provider since they were last read; this comparison brought them up to date.';
