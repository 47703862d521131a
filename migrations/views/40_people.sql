create or replace view analytics.people as
select p.person_id, p.source_id, src.source_slug as source, src.provider, p.identity_kind,
       p.first_seen_at::timestamptz as first_seen_at
  from core.people p
  join core.sources src using (source_id);

comment on view analytics.people is 'People behind sessions, as pseudonyms: a keyed hash that cannot be reversed.';
comment on column analytics.people.person_id is 'Pseudonym; the same person at the same source has the same one.';
comment on column analytics.people.source_id is 'Source the person belongs to.';
comment on column analytics.people.source is 'Slug of the source.';
comment on column analytics.people.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.people.identity_kind is
  'Which of the providers identities was hashed. In meetings: custom_participant (the customers own id), else '
  'participant_user (the providers id of the person).';
comment on column analytics.people.first_seen_at is 'When the person was first stored.';
