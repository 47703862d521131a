-- The flags of the session let counts of messages leave out the sessions that metrics leave out. The presence is a
-- subquery: a join on a column that no index by time holds would keep counts from being answered by the index.
-- The condition holds for each row: with it, the key finds the messages of a session without its source.
create or replace view analytics.messages as
select m.sent_at::timestamptz as sent_at, m.session_id, m.source_id, src.source_slug as source, src.provider,
       m.provider_message_id, m.position, m.sender_role, m.provider_origin, m.char_count, m.word_count,
       (select p.participant_id from core.participants p
         where p.source_id = m.source_id and p.session_id = m.session_id
           and p.provider_participant_id = m.provider_participant_id) as participant_id, m.payload_type,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider,
       analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider) as is_counted,
       c.changed_at::timestamptz as changed_at
  from core.messages m
  left join core.session_change_times c on c.source_id = m.source_id and c.session_id = m.session_id
  left join core.sources src on src.source_id = m.source_id
  left join core.sessions s on s.source_id = m.source_id and s.session_id = m.session_id
 where m.source_id = any(array(select every.source_id from core.sources every));

comment on view analytics.messages is 'One row per message, without its text (see analytics_pii.messages).';
comment on column analytics.messages.sent_at is 'Time when it was sent; null: the provider gave no readable time.';
comment on column analytics.messages.session_id is 'Number of the session.';
comment on column analytics.messages.source_id is 'Number of its source.';
comment on column analytics.messages.source is 'Slug of the source.';
comment on column analytics.messages.provider is 'Provider of the source.';
comment on column analytics.messages.provider_message_id is 'The provider''s id.';
comment on column analytics.messages.position is 'Place in the provider''s order, from 0.';
comment on column analytics.messages.sender_role is 'user, assistant, participant (of a meeting) or unknown.';
comment on column analytics.messages.provider_origin is 'The provider''s own word for the sender.';
comment on column analytics.messages.char_count is 'Characters; null: no text (media).';
comment on column analytics.messages.word_count is
  'Words by the segmentation of Unicode (UAX 29); in scripts without spaces, each ideograph or cluster of letters is '
  'a word. Null: no text (media).';
comment on column analytics.messages.participant_id is
  'Number of the sender''s presence; null: not a meeting, or not known.';
comment on column analytics.messages.payload_type is
  'The provider''s word for text and media in a meeting; null: not reported.';
comment on column analytics.messages.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.messages.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.messages.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.messages.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
