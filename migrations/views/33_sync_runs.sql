-- The journal of runs.
create or replace view analytics.sync_runs as
select r.started_at::timestamptz as started_at, r.run_id, r.source_id, src.source_slug as source, src.provider,
       r.stream, r.purpose, r.finished_at::timestamptz as finished_at, r.verdict, r.reason,
       r.page_count, r.record_count, r.inserted_count, r.updated_count, r.unchanged_count, r.rejected_count, r.provider_total
  from ingest.runs r
  join core.sources src using (source_id);

comment on view analytics.sync_runs is 'Runs: one row per poll of one stream of one source, with its verdict.';
comment on column analytics.sync_runs.started_at is 'Time when it began.';
comment on column analytics.sync_runs.run_id is 'Number of the row in this database.';
comment on column analytics.sync_runs.source_id is 'Number of its source.';
comment on column analytics.sync_runs.source is 'Slug of the source.';
comment on column analytics.sync_runs.provider is 'Provider of the source.';
comment on column analytics.sync_runs.stream is 'Kind of record.';
comment on column analytics.sync_runs.purpose is 'poll, backfill, reconcile or hint.';
comment on column analytics.sync_runs.finished_at is 'Time when it ended; null: it runs.';
comment on column analytics.sync_runs.verdict is
  'complete, incomplete, failed, rate_limited or cancelled; null: it runs.';
comment on column analytics.sync_runs.reason is 'Reason why it is not complete; null: it is.';
comment on column analytics.sync_runs.page_count is 'Number of pages read.';
comment on column analytics.sync_runs.record_count is 'Records that the provider sent, repeats included.';
comment on column analytics.sync_runs.inserted_count is 'Of these, records that were new.';
comment on column analytics.sync_runs.updated_count is 'Of these, records that had changed.';
comment on column analytics.sync_runs.unchanged_count is 'Of these, records that were unchanged.';
comment on column analytics.sync_runs.rejected_count is 'Of these, records that could not be normalized.';
comment on column analytics.sync_runs.provider_total is 'The provider''s own count; null: it gave none.';
