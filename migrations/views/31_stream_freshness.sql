-- A stream is complete up to the end of the covered range that contains the start of the source's history. Whether that
-- is recent enough is computed when the view is read.
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
            when now() - w.window_to <= make_interval(secs => src.stale_after_seconds) then 'fresh'
            else 'stale' end as freshness_state,
       extract(epoch from greatest(now() - w.window_to, interval '0'))::numeric as lag_seconds,
       st.source_id,
       (select case when bool_and(r.seen_at is not null) then min(r.seen_at) end
          from ingest.state_ranges r
         where r.source_id = st.source_id and r.stream = st.stream) as state_as_of,
       src.stale_after_seconds,
       exists (select from ingest.controls c
                where c.source_id = st.source_id and c.stream = st.stream and c.paused_at is not null) as is_paused
  from ingest.streams st
  join core.sources src using (source_id)
  left join lateral (
       select covered.window_to from ingest.covered_windows covered
        where covered.source_id = st.source_id and covered.stream = st.stream
          and covered.window_from <= src.history_from and covered.window_to > src.history_from
        limit 1) w on true;

comment on view analytics.stream_freshness is
  'Freshness of each stream: the instant up to which it is proven complete, and the verdict of its last run.';
comment on column analytics.stream_freshness.source is 'Slug of the source.';
comment on column analytics.stream_freshness.provider is 'Provider of the source.';
comment on column analytics.stream_freshness.stream is 'Kind of record that is polled.';
comment on column analytics.stream_freshness.complete_through is
  'All records before this instant are proven to be stored, except in the ranges of accepted_holes; null: nothing is '
  'proven yet.';
comment on column analytics.stream_freshness.last_success_at is
  'End of the last run with verdict complete; null: never.';
comment on column analytics.stream_freshness.last_attempt_at is 'Start of the last run; null: never.';
comment on column analytics.stream_freshness.last_verdict is
  'complete, incomplete, failed, rate_limited, cancelled or never_ran.';
comment on column analytics.stream_freshness.history_from is 'Start of the history: older records are not requested.';
comment on column analytics.stream_freshness.open_reject_count is
  'Records that could not be normalized and wait for a fix.';
comment on column analytics.stream_freshness.is_enabled is 'Whether the source is still configured.';
comment on column analytics.stream_freshness.freshness_state is
  'fresh (proven up to stale_after_seconds ago or less), stale, unproven (nothing is proven yet), disabled (no longer '
  'polled), not_applicable (fetched session by session: see session_artifacts).';
comment on column analytics.stream_freshness.lag_seconds is
  'Seconds from complete_through to now; null: nothing is proven yet.';
comment on column analytics.stream_freshness.source_id is 'Number of the source in this database.';
comment on column analytics.stream_freshness.state_as_of is
  'Oldest instant at which the state of stored sessions was last seen, over all history: later changes may not be '
  'stored yet. Null: some sessions were never read again, or nothing is proven.';
comment on column analytics.stream_freshness.stale_after_seconds is
  'Lag from which the stream is stale: stale_after_seconds of the configuration, or three intervals of the schedule.';
comment on column analytics.stream_freshness.is_paused is 'Whether an operator paused the stream.';
