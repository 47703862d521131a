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

comment on view analytics.stream_freshness is
  'How far each stream of each source is proven complete, and how its last run ended.';
comment on column analytics.stream_freshness.source is 'Slug of the source.';
comment on column analytics.stream_freshness.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.stream_freshness.stream is 'Kind of record polled.';
comment on column analytics.stream_freshness.complete_through is
  'Everything before this instant is proven to be stored, but for the ranges in accepted_holes; null: nothing is '
  'proven yet.';
comment on column analytics.stream_freshness.last_success_at is 'When a run last ended complete; null: never.';
comment on column analytics.stream_freshness.last_attempt_at is 'When a run last began; null: never.';
comment on column analytics.stream_freshness.last_verdict is
  'complete, incomplete, failed, rate_limited, cancelled or never_ran.';
comment on column analytics.stream_freshness.history_from is 'Nothing older is asked for.';
comment on column analytics.stream_freshness.open_reject_count is
  'Records that could not be normalized and wait for a fix.';
comment on column analytics.stream_freshness.is_enabled is 'Whether the source is still configured.';
comment on column analytics.stream_freshness.freshness_state is
  'fresh (proven up to half an hour ago or less), stale, unproven (nothing is proven yet), disabled (no longer '
  'polled), not_applicable (fetched session by session: see session_artifacts).';
comment on column analytics.stream_freshness.lag_seconds is
  'How far complete_through lies behind the present, seconds; null: nothing is proven yet.';
comment on column analytics.stream_freshness.source_id is 'Our number for the source.';
comment on column analytics.stream_freshness.state_as_of is
  'The oldest instant at which the state of what is stored was last seen, over all history: what changed later may '
  'not be stored yet. Null: some of it was never seen again, or nothing is proven.';
