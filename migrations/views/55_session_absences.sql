create or replace view analytics.session_absences as
select a.first_missed_at::timestamptz as first_missed_at, s.session_id, a.source_id, src.source_slug as source,
       src.provider, a.provider_session_id, a.last_missed_at::timestamptz as last_missed_at, a.missed_count,
       a.deleted_at::timestamptz as deleted_at
  from ingest.absences a
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = a.source_id and s.provider_session_id = a.provider_session_id;

comment on view analytics.session_absences is
  'Stored sessions that their provider was asked for and did not have. A row goes when its session comes back.';
comment on column analytics.session_absences.first_missed_at is 'When it was missed first.';
comment on column analytics.session_absences.session_id is 'The session.';
comment on column analytics.session_absences.source_id is 'Its source.';
comment on column analytics.session_absences.source is 'Slug of the source.';
comment on column analytics.session_absences.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_absences.provider_session_id is 'The providers id, to the letter.';
comment on column analytics.session_absences.last_missed_at is
  'When it was missed last; once it is taken for deleted nobody looks for it any more.';
comment on column analytics.session_absences.missed_count is 'How many runs missed it.';
comment on column analytics.session_absences.deleted_at is
  'Since when it is taken for deleted and left out of figures; null: not yet.';
