-- The bytes of a reject may be personal and stay in ingest.rejects.
create or replace view analytics.rejected_records as
select r.first_seen_at::timestamptz as first_seen_at, r.reject_id, r.source_id, src.source_slug as source, src.provider,
       r.stream, r.reason_code, r.json_pointer, r.detail, r.resolved_at::timestamptz as resolved_at,
       r.last_seen_at::timestamptz as last_seen_at, r.seen_count, r.resolution
  from ingest.rejects r
  join core.sources src using (source_id);

comment on view analytics.rejected_records is 'Records that could not be normalized, without their bytes.';
comment on column analytics.rejected_records.first_seen_at is 'Time when it first came.';
comment on column analytics.rejected_records.reject_id is 'Number of the row in this database.';
comment on column analytics.rejected_records.source_id is 'Number of its source.';
comment on column analytics.rejected_records.source is 'Slug of the source.';
comment on column analytics.rejected_records.provider is 'Provider of the source.';
comment on column analytics.rejected_records.stream is 'Kind of record.';
comment on column analytics.rejected_records.reason_code is 'Reason for programs.';
comment on column analytics.rejected_records.json_pointer is 'Place in the record: a JSON pointer.';
comment on column analytics.rejected_records.detail is 'Reason in words.';
comment on column analytics.rejected_records.resolved_at is
  'Time when the record came again readable or a replay resolved it; null: open.';
comment on column analytics.rejected_records.last_seen_at is 'Time when it last came, to the hour.';
comment on column analytics.rejected_records.seen_count is 'Number of times it came, counted at most once an hour.';
comment on column analytics.rejected_records.resolution is
  'came_again (the record came again and was readable), or the result of a replay: stored, unchanged (it was stored '
  'already) or stale (a newer version is stored); null: open.';
