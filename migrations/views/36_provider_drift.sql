create or replace view analytics.provider_drift as
select o.first_seen_at::timestamptz as first_seen_at, o.last_seen_at::timestamptz as last_seen_at, o.source_id,
       src.source_slug as source, src.provider, o.stream, o.kind, o.path, nullif(o.value, '') as value, o.record_count
  from ingest.oddities o
  join core.sources src using (source_id);

comment on view analytics.provider_drift is
  'What providers sent and nobody expected: fields and values that are not known, and values that could not be read. '
  'All of it is kept in the raw records.';
comment on column analytics.provider_drift.first_seen_at is 'When it was first met.';
comment on column analytics.provider_drift.last_seen_at is 'When it was last met in a new or changed record.';
comment on column analytics.provider_drift.source_id is 'The source that sent it.';
comment on column analytics.provider_drift.source is 'Slug of the source.';
comment on column analytics.provider_drift.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.provider_drift.stream is 'Kind of record.';
comment on column analytics.provider_drift.kind is
  'unknown_field, unknown_value, unreadable_value, replaced_text or stray_quote.';
comment on column analytics.provider_drift.path is 'Where in the record: a JSON pointer without positions of lists.';
comment on column analytics.provider_drift.value is
  'The value, where it is a word of a closed list; null: it may be personal, see the raw records.';
comment on column analytics.provider_drift.record_count is 'Records with distinct content that held it.';
