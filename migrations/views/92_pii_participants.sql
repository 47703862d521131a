-- Names: another schema, another role.
create or replace view analytics_pii.participants as
select p.participant_id, p.session_id, p.source_id, p.provider_participant_id, p.provider_user_id, p.person_id,
       p.custom_participant_id, p.display_name,
       c.changed_at::timestamptz as changed_at
  from core.participants p
  left join core.session_change_times c on c.source_id = p.source_id and c.session_id = p.session_id;

comment on view analytics_pii.participants is 'Participants of sessions, with names. Personal data.';
comment on column analytics_pii.participants.participant_id is 'Number of the presence; joins analytics.participants.';
comment on column analytics_pii.participants.session_id is 'Number of the session.';
comment on column analytics_pii.participants.source_id is 'Number of its source.';
comment on column analytics_pii.participants.provider_participant_id is 'The provider''s id of the presence.';
comment on column analytics_pii.participants.provider_user_id is 'The provider''s id of the person.';
comment on column analytics_pii.participants.person_id is 'Pseudonym of the person; joins analytics.';
comment on column analytics_pii.participants.custom_participant_id is 'The customer''s own id of the person.';
comment on column analytics_pii.participants.display_name is 'Display name.';
comment on column analytics_pii.participants.changed_at is 'As in analytics.sessions.';
