-- Values outside closed lists may be personal and are not kept.
create or replace view analytics.provider_drift as
select o.first_seen_at::timestamptz as first_seen_at, o.last_seen_at::timestamptz as last_seen_at, o.source_id,
       src.source_slug as source, src.provider, o.stream, o.kind, o.path, nullif(o.value, '') as value, o.record_count
  from ingest.oddities o
  join core.sources src using (source_id);

comment on view analytics.provider_drift is
  'Unknown provider values: fields and values that are not known, and values that could not be read. The raw records '
  'keep all of them.';
comment on column analytics.provider_drift.first_seen_at is 'Time when it first came.';
comment on column analytics.provider_drift.last_seen_at is 'Time when it last came in a new or changed record.';
comment on column analytics.provider_drift.source_id is 'Number of the source that sent it.';
comment on column analytics.provider_drift.source is 'Slug of the source.';
comment on column analytics.provider_drift.provider is 'Provider of the source.';
comment on column analytics.provider_drift.stream is 'Kind of record.';
comment on column analytics.provider_drift.kind is
  'unknown_field, unknown_value, unreadable_value, replaced_text or stray_quote.';
comment on column analytics.provider_drift.path is 'Place in the record: a JSON pointer without positions of lists.';
comment on column analytics.provider_drift.value is
  'The value, if it is a word of a closed list; null: it may be personal, see the raw records.';
comment on column analytics.provider_drift.record_count is 'Records with distinct content that held it.';
