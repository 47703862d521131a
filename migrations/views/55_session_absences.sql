-- Sessions that their provider no longer returns: missed, or counted as deleted.
create or replace view analytics.session_absences as
select a.first_missed_at::timestamptz as first_missed_at, s.session_id, a.source_id, src.source_slug as source,
       src.provider, a.provider_session_id, a.last_missed_at::timestamptz as last_missed_at, a.missed_count,
       a.deleted_at::timestamptz as deleted_at
  from ingest.absences a
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = a.source_id and s.provider_session_id = a.provider_session_id;

comment on view analytics.session_absences is
  'Stored sessions that their provider no longer returned. A row is deleted when its session comes back.';
comment on column analytics.session_absences.first_missed_at is 'Time when it was first missed.';
comment on column analytics.session_absences.session_id is 'Number of the session.';
comment on column analytics.session_absences.source_id is 'Number of its source.';
comment on column analytics.session_absences.source is 'Slug of the source.';
comment on column analytics.session_absences.provider is 'Provider of the source.';
comment on column analytics.session_absences.provider_session_id is 'The provider''s id, verbatim.';
comment on column analytics.session_absences.last_missed_at is
  'Time when it was last missed. A session that counts as deleted is no longer looked for.';
comment on column analytics.session_absences.missed_count is 'Number of runs that missed it.';
comment on column analytics.session_absences.deleted_at is
  'Time since when it counts as deleted and metrics leave it out; null: not yet.';
