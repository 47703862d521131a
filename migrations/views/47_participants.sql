create or replace view analytics.participants as
select p.joined_at::timestamptz as joined_at, p.participant_id, p.session_id, p.source_id,
       src.source_slug as source, src.provider, p.provider_participant_id,
       coalesce(p.left_at, case when s.session_state = 'ended'
                                then p.joined_at + p.duration_ms * interval '1 millisecond' end)::timestamptz as left_at,
       p.left_at is null and s.session_state = 'ended' and p.joined_at is not null and p.duration_ms is not null
         as is_left_at_derived,
       p.duration_ms * 0.001 as duration_seconds,
       p.person_id, p.preset_name, p.is_rejoin, s.session_kind,
       s.session_state in ('live', 'open') as is_provisional,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider,
       p.provider_updated_at::timestamptz as provider_updated_at
  from core.participants p
  join core.sources src using (source_id)
  join core.sessions s on s.source_id = p.source_id and s.session_id = p.session_id;

comment on view analytics.participants is
  'One row for each time somebody joined a session; the same person twice is two rows with one person_id. No names '
  '(see analytics_pii.participants).';
comment on column analytics.participants.joined_at is 'When the presence began; null: not said.';
comment on column analytics.participants.participant_id is 'Our number of the presence.';
comment on column analytics.participants.session_id is 'The session.';
comment on column analytics.participants.source_id is 'Its source.';
comment on column analytics.participants.source is 'Slug of the source.';
comment on column analytics.participants.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.participants.provider_participant_id is
  'The providers id of the presence (peer); new on each join.';
comment on column analytics.participants.left_at is
  'When the person left; null: still there, or not known. Where only the length is given, joined_at plus the length.';
comment on column analytics.participants.is_left_at_derived is
  'True where the provider gave no end, and left_at is joined_at plus the length it gave.';
comment on column analytics.participants.duration_seconds is 'Length by the provider, seconds, exact; null: not said.';
comment on column analytics.participants.person_id is 'Pseudonym of the person; null: nobody knows who it was.';
comment on column analytics.participants.preset_name is 'What the person was allowed to do; null: not said.';
comment on column analytics.participants.is_rejoin is 'True where the same person was in this session before.';
comment on column analytics.participants.session_kind is 'meeting or livestream.';
comment on column analytics.participants.is_provisional is 'True while the session runs: the row may still change.';
comment on column analytics.participants.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.participants.is_deleted_at_provider is
  'True once the provider no longer lists the session; leave it out of figures.';
comment on column analytics.participants.provider_updated_at is 'The providers own change time; null: not said.';
