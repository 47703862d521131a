-- A presence has an end if the provider gives one, or its length. The end of the session does not stand in for it: it
-- would invent minutes and peaks.
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
       p.provider_updated_at::timestamptz as provider_updated_at,
       analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider) as is_counted,
       c.changed_at::timestamptz as changed_at
  from core.participants p
  left join core.session_change_times c on c.source_id = p.source_id and c.session_id = p.session_id
  join core.sources src on src.source_id = p.source_id
  join core.sessions s on s.source_id = p.source_id and s.session_id = p.session_id;

comment on view analytics.participants is
  'One row for each presence in a session; a person who joins twice has two rows with one person_id. No names (see '
  'analytics_pii.participants).';
comment on column analytics.participants.joined_at is 'Time when the presence began; null: not reported.';
comment on column analytics.participants.participant_id is 'Number of the presence in this database.';
comment on column analytics.participants.session_id is 'Number of the session.';
comment on column analytics.participants.source_id is 'Number of its source.';
comment on column analytics.participants.source is 'Slug of the source.';
comment on column analytics.participants.provider is 'Provider of the source.';
comment on column analytics.participants.provider_participant_id is
  'The provider''s id of the presence (peer); new on each join.';
comment on column analytics.participants.left_at is
  'Time when the person left; null: still there, or not known. Where the provider gives only the length, joined_at '
  'plus the length.';
comment on column analytics.participants.is_left_at_derived is
  'True where the provider gave no end, and left_at is joined_at plus the length it gave.';
comment on column analytics.participants.duration_seconds is
  'The provider''s length, seconds, exact; null: not reported.';
comment on column analytics.participants.person_id is 'Pseudonym of the person; null: not known.';
comment on column analytics.participants.preset_name is 'Preset that sets the person''s rights; null: not reported.';
comment on column analytics.participants.is_rejoin is 'True where the same person was in this session before.';
comment on column analytics.participants.session_kind is 'meeting or livestream.';
comment on column analytics.participants.is_provisional is 'True while the session runs: the row may still change.';
comment on column analytics.participants.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.participants.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.participants.provider_updated_at is 'The provider''s own change time; null: not reported.';
comment on column analytics.participants.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.participants.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
