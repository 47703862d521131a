create or replace view analytics.rejected_records as
select r.first_seen_at::timestamptz as first_seen_at, r.reject_id, r.source_id, src.source_slug as source, src.provider,
       r.stream, r.reason_code, r.json_pointer, r.detail, r.resolved_at::timestamptz as resolved_at,
       r.last_seen_at::timestamptz as last_seen_at, r.seen_count, r.resolution
  from ingest.rejects r
  join core.sources src using (source_id);

comment on view analytics.rejected_records is 'Records that could not be normalized; their bytes are kept elsewhere.';
comment on column analytics.rejected_records.first_seen_at is 'When it first came.';
comment on column analytics.rejected_records.reject_id is 'Our number.';
comment on column analytics.rejected_records.source_id is 'Its source.';
comment on column analytics.rejected_records.source is 'Slug of the source.';
comment on column analytics.rejected_records.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.rejected_records.stream is 'Kind of record.';
comment on column analytics.rejected_records.reason_code is 'Why, for programs.';
comment on column analytics.rejected_records.json_pointer is 'Where in the record.';
comment on column analytics.rejected_records.detail is 'Why, in words.';
comment on column analytics.rejected_records.resolved_at is 'When the same record came again readable; null: open.';
comment on column analytics.rejected_records.last_seen_at is 'When it last came, to the hour.';
comment on column analytics.rejected_records.seen_count is 'How often it came, counted at most once an hour.';
comment on column analytics.rejected_records.resolution is
  'came_again (the record came in a form that could be read), or what replaying it did: stored, unchanged (it was '
  'stored already) or stale (something newer is stored); null: open.';
