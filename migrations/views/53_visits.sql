-- An unknown person counts once for each session or presence, since two of them cannot be told apart. People are joined
-- outside of the union: Citus joins a union with rows that are on no node only beside a table that is on nodes.
create or replace view analytics.visits as
select v.started_at, v.session_id, v.source_id, v.source, v.provider, v.session_kind, v.person_id,
       k.first_visit_at::timestamptz as first_visit_at, v.visitor, v.person_id is not null as is_identified,
       v.is_part_of_session, v.is_deleted_at_provider, v.is_counted, v.changed_at
  from (select s.started_at::timestamptz as started_at, s.session_id, s.source_id, src.source_slug as source,
               src.provider, s.session_kind, s.person_id, coalesce(s.person_id, 'session ' || s.session_id) as visitor,
               s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider,
               analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider) as is_counted,
               c.changed_at::timestamptz as changed_at
          from core.sessions s
          left join core.session_change_times c on c.source_id = s.source_id and c.session_id = s.session_id
          left join core.sources src on src.source_id = s.source_id
         where s.session_kind = 'chat'
        union all
        select s.started_at::timestamptz, s.session_id, s.source_id, src.source_slug,
               src.provider, s.session_kind, p.person_id, coalesce(p.person_id, 'presence ' || p.participant_id),
               s.parent_provider_session_id is not null, s.is_deleted_at_provider,
               analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider),
               c.changed_at::timestamptz
          from core.sessions s
          left join core.session_change_times c on c.source_id = s.source_id and c.session_id = s.session_id
          left join core.sources src on src.source_id = s.source_id
          join core.participants p on p.source_id = s.source_id and p.session_id = s.session_id) v
  left join core.people k on k.source_id = v.source_id and k.person_id = v.person_id;

comment on view analytics.visits is
  'People in sessions: one row for the contact of a chat, and one for each presence in a meeting. Avatar sessions '
  'have no people.';
comment on column analytics.visits.started_at is 'Time when the session began.';
comment on column analytics.visits.session_id is 'Number of the session.';
comment on column analytics.visits.source_id is 'Number of its source.';
comment on column analytics.visits.source is 'Slug of the source.';
comment on column analytics.visits.provider is 'Provider of the source.';
comment on column analytics.visits.session_kind is 'chat, meeting or livestream.';
comment on column analytics.visits.person_id is 'Pseudonym of the person; null: not known.';
comment on column analytics.visits.first_visit_at is
  'Start of the first session of the person; null: the person is not known.';
comment on column analytics.visits.visitor is
  'The person, or a stand-in for an unknown person, which counts once for each session or presence.';
comment on column analytics.visits.is_identified is 'Whether the person is known.';
comment on column analytics.visits.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.visits.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.visits.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.visits.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
