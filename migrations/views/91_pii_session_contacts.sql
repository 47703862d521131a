-- Contact fields and free titles: another schema, another role.
create or replace view analytics_pii.session_contacts as
select s.session_id, s.source_id, s.person_id, kv.contact_id, kv.external_user_id, rk.meeting_title,
       c.changed_at::timestamptz as changed_at
  from core.sessions s
  left join core.session_change_times c on c.source_id = s.source_id and c.session_id = s.session_id
  left join core.konvo_sessions kv on kv.source_id = s.source_id and kv.session_id = s.session_id
  left join core.realtimekit_sessions rk on rk.source_id = s.source_id and rk.session_id = s.session_id;

comment on view analytics_pii.session_contacts is 'Contact fields and free titles of sessions. Personal data.';
comment on column analytics_pii.session_contacts.session_id is 'Number of the session.';
comment on column analytics_pii.session_contacts.source_id is 'Number of its source.';
comment on column analytics_pii.session_contacts.person_id is 'Pseudonym of the person; joins analytics.';
comment on column analytics_pii.session_contacts.contact_id is 'Konvo: id of the contact.';
comment on column analytics_pii.session_contacts.external_user_id is
  'Konvo: the contact''s id at the channel, often a phone number.';
comment on column analytics_pii.session_contacts.meeting_title is 'RealtimeKit: title of the meeting.';
comment on column analytics_pii.session_contacts.changed_at is 'As in analytics.sessions.';
