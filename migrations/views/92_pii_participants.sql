create or replace view analytics_pii.participants as
select p.participant_id, p.session_id, p.source_id, p.provider_participant_id, p.provider_user_id, p.person_id,
       p.custom_participant_id, p.display_name
  from core.participants p;

comment on view analytics_pii.participants is 'Who was in a session, by name. Personal data.';
comment on column analytics_pii.participants.participant_id is 'The presence, joins analytics.';
comment on column analytics_pii.participants.session_id is 'The session.';
comment on column analytics_pii.participants.source_id is 'Its source.';
comment on column analytics_pii.participants.provider_participant_id is 'The providers id of the presence.';
comment on column analytics_pii.participants.provider_user_id is 'The providers id of the person.';
comment on column analytics_pii.participants.person_id is 'Pseudonym, joins analytics.';
comment on column analytics_pii.participants.custom_participant_id is 'The customers own id of the person.';
comment on column analytics_pii.participants.display_name is 'Name shown.';
