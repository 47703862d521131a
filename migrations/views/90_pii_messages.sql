-- Texts: another schema, another role.
-- The condition holds for each row: with it, the key finds the messages of a session without its source.
create or replace view analytics_pii.messages as
select m.sent_at::timestamptz as sent_at, m.session_id, m.source_id, m.provider_message_id, m.position, m.sender_role,
       m.body, p.participant_id,
       c.changed_at::timestamptz as changed_at
  from core.messages m
  left join core.session_change_times c on c.source_id = m.source_id and c.session_id = m.session_id
  left join core.participants p on p.source_id = m.source_id and p.session_id = m.session_id
                               and p.provider_participant_id = m.provider_participant_id
 where m.source_id = any(array(select every.source_id from core.sources every));

comment on view analytics_pii.messages is 'Message texts. Personal data.';
comment on column analytics_pii.messages.sent_at is 'Time when it was sent.';
comment on column analytics_pii.messages.session_id is 'Number of the session.';
comment on column analytics_pii.messages.source_id is 'Number of its source.';
comment on column analytics_pii.messages.provider_message_id is 'The provider''s id.';
comment on column analytics_pii.messages.position is 'Place in the provider''s order, from 0.';
comment on column analytics_pii.messages.sender_role is 'user, assistant, participant (of a meeting) or unknown.';
comment on column analytics_pii.messages.body is 'The text; null: media.';
comment on column analytics_pii.messages.participant_id is
  'Number of the sender''s presence; null: not a meeting, or not known.';
comment on column analytics_pii.messages.changed_at is 'As in analytics.sessions.';
