create or replace view analytics.visits as
select s.started_at::timestamptz as started_at, s.session_id, s.source_id, src.source_slug as source, src.provider,
       s.session_kind, s.person_id, k.first_visit_at::timestamptz as first_visit_at,
       coalesce(s.person_id, 'session ' || s.session_id) as visitor, s.person_id is not null as is_identified,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider
  from core.sessions s
  left join core.sources src on src.source_id = s.source_id
  left join core.people k on k.source_id = s.source_id and k.person_id = s.person_id
 where s.session_kind = 'chat'
union all
select s.started_at::timestamptz, s.session_id, s.source_id, src.source_slug, src.provider,
       s.session_kind, p.person_id, k.first_visit_at::timestamptz,
       coalesce(p.person_id, 'presence ' || p.participant_id), p.person_id is not null,
       s.parent_provider_session_id is not null, s.is_deleted_at_provider
  from core.sessions s
  left join core.sources src on src.source_id = s.source_id
  join core.participants p on p.source_id = s.source_id and p.session_id = s.session_id
  left join core.people k on k.source_id = p.source_id and k.person_id = p.person_id;

comment on view analytics.visits is
  'Who was in which session: one row for the contact of a chat, and one for each presence in a meeting. Avatars know '
  'no people.';
comment on column analytics.visits.started_at is 'When the session began.';
comment on column analytics.visits.session_id is 'The session.';
comment on column analytics.visits.source_id is 'Its source.';
comment on column analytics.visits.source is 'Slug of the source.';
comment on column analytics.visits.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.visits.session_kind is 'chat, meeting or livestream.';
comment on column analytics.visits.person_id is 'Pseudonym of the person; null: nobody knows who it was.';
comment on column analytics.visits.first_visit_at is
  'Start of the first session the person was in; null: not known who it was.';
comment on column analytics.visits.visitor is
  'The person, or what stands for somebody nobody knows: counts once for each such session or presence.';
comment on column analytics.visits.is_identified is 'Whether the person is known.';
comment on column analytics.visits.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.visits.is_deleted_at_provider is
  'True once the provider no longer lists the session; leave it out of figures.';
