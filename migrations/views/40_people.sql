-- Pseudonyms only: identities stay in the tables of their provider.
create or replace view analytics.people as
select p.person_id, p.source_id, src.source_slug as source, src.provider, p.identity_kind,
       p.first_seen_at::timestamptz as first_seen_at
  from core.people p
  join core.sources src using (source_id);

comment on view analytics.people is 'People behind sessions, as pseudonyms: a keyed hash that cannot be reversed.';
comment on column analytics.people.person_id is 'Pseudonym; the same person at the same source has the same pseudonym.';
comment on column analytics.people.source_id is 'Number of the source that the person belongs to.';
comment on column analytics.people.source is 'Slug of the source.';
comment on column analytics.people.provider is 'Provider of the source.';
comment on column analytics.people.identity_kind is
  'The provider''s identity that was hashed. In meetings: custom_participant (the customer''s own id), else '
  'participant_user (the provider''s id of the person).';
comment on column analytics.people.first_seen_at is 'Time when the person was first stored.';
