-- What it takes to make the normalized tables from raw records alone, and to know what nobody expected.

-- The same bytes may come again after others: then they are what the provider says now. Rows are made in this order.
alter table ingest.raw_records add column last_fetched_at core.instant;
-- The record names only part of its session (the list of active sessions), which its bytes do not say.
alter table ingest.raw_records add column is_partial boolean not null default false;
-- The provider stopped listing the record in its session; null: it is still listed, or belongs to a list of sessions.
alter table ingest.raw_records add column gone_at core.instant;
update ingest.raw_records r
   set last_fetched_at = greatest(r.fetched_at, (select s.last_changed_at from core.sessions s
                                                  where s.source_id = r.source_id and r.stream = 'sessions'
                                                    and s.provider_session_id = r.provider_record_id
                                                    and s.raw_hash = r.content_hash));
update ingest.raw_records r
   set gone_at = r.last_fetched_at
 where r.stream = 'participants' and r.provider_session_id is not null
   and not exists (select from core.participants p
                     join core.sessions s using (source_id, session_id)
                    where s.source_id = r.source_id and s.provider_session_id = r.provider_session_id
                      and p.provider_participant_id = substr(r.provider_record_id, length(r.provider_session_id) + 2));
alter table ingest.raw_records alter column last_fetched_at set not null;
-- Replay walks the records in the order in which they were fetched, so that those of one page stay together.
create index raw_records_by_time on ingest.raw_records (source_id, stream, last_fetched_at, provider_record_id);
-- Everything one session consists of.
create index raw_records_by_session on ingest.raw_records (source_id, provider_session_id, stream)
  where provider_session_id is not null;

alter table ingest.rejects add column last_seen_at core.instant;
alter table ingest.rejects add column seen_count bigint not null default 1; -- counted at most once an hour
alter table ingest.rejects add column is_partial boolean not null default false;
alter table ingest.rejects add column resolution text                       -- how it was resolved; null: it is open
  check (resolution in ('came_again', 'stored', 'unchanged', 'stale'));
update ingest.rejects set last_seen_at = first_seen_at,
                          resolution = case when resolved_at is not null then 'came_again' end;
alter table ingest.rejects alter column last_seen_at set not null;
-- The list is read newest first, over all or by source; one is found by its number.
create unique index rejects_by_id on ingest.rejects (reject_id);

alter table ingest.oddities add column last_seen_at core.instant;
update ingest.oddities set last_seen_at = first_seen_at;
alter table ingest.oddities alter column last_seen_at set not null;

-- A task finds its session again after the sessions were made anew, under other numbers.
alter table ingest.artifact_tasks add column provider_session_id text;
update ingest.artifact_tasks t set provider_session_id = s.provider_session_id
  from core.sessions s where s.source_id = t.source_id and s.session_id = t.session_id;
create index artifact_tasks_by_session on ingest.artifact_tasks (source_id, provider_session_id);

create or replace view analytics.rejected_records as
select r.first_seen_at::timestamptz as first_seen_at, r.reject_id, r.source_id, src.source_slug as source, src.provider,
       r.stream, r.reason_code, r.json_pointer, r.detail, r.resolved_at::timestamptz as resolved_at,
       r.last_seen_at::timestamptz as last_seen_at, r.seen_count, r.resolution
  from ingest.rejects r
  join core.sources src using (source_id);
comment on column analytics.rejected_records.last_seen_at is 'When it last came, to the hour.';
comment on column analytics.rejected_records.seen_count is 'How often it came, counted at most once an hour.';
comment on column analytics.rejected_records.resolution is 'came_again (the record came in a form that could be read), or what replaying it did: stored, unchanged (it was stored already) or stale (something newer is stored); null: open.';

create view analytics.provider_drift as
select o.first_seen_at::timestamptz as first_seen_at, o.last_seen_at::timestamptz as last_seen_at, o.source_id,
       src.source_slug as source, src.provider, o.stream, o.kind, o.path, nullif(o.value, '') as value, o.record_count
  from ingest.oddities o
  join core.sources src using (source_id);
comment on view analytics.provider_drift is 'What providers sent and nobody expected: fields and values that are not known, and values that could not be read. All of it is kept in the raw records.';
comment on column analytics.provider_drift.first_seen_at is 'When it was first met.';
comment on column analytics.provider_drift.last_seen_at is 'When it was last met in a new or changed record.';
comment on column analytics.provider_drift.source_id is 'The source that sent it.';
comment on column analytics.provider_drift.source is 'Slug of the source.';
comment on column analytics.provider_drift.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.provider_drift.stream is 'Kind of record.';
comment on column analytics.provider_drift.kind is 'unknown_field, unknown_value, unreadable_value, replaced_text or stray_quote.';
comment on column analytics.provider_drift.path is 'Where in the record: a JSON pointer without positions of lists.';
comment on column analytics.provider_drift.value is 'The value, where it is a word of a closed list; null: it may be personal, see the raw records.';
comment on column analytics.provider_drift.record_count is 'Records with distinct content that held it.';
