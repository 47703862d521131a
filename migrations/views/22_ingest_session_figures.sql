-- The fields of a session that metrics depend on: a change of one is recorded in ingest.session_changes. They hold
-- nothing personal but the pseudonym, and no text.
create or replace view ingest.session_figures as
select s.source_id, s.session_id, s.provider_session_id, s.provider_updated_at,
       jsonb_build_object(
         'session_state', s.session_state, 'provider_status', s.provider_status, 'outcome', s.outcome,
         'is_flagged_unresolved', s.is_flagged_unresolved, 'started_at', ingest.instant_text(s.started_at),
         'ended_at', ingest.instant_text(s.ended_at), 'completed_at', ingest.instant_text(s.completed_at),
         'last_activity_at', ingest.instant_text(s.last_activity_at), 'duration_seconds', s.duration_seconds,
         'provider_minutes', s.provider_minutes, 'max_concurrent_participants', s.max_concurrent_participants,
         'group_key', s.group_key, 'channel', s.channel, 'person_id', s.person_id,
         'parent_provider_session_id', s.parent_provider_session_id,
         'is_deleted_at_provider', s.is_deleted_at_provider, 'message_count', stats.message_count) as figures
  from core.sessions s
  left join core.session_stats stats on stats.source_id = s.source_id and stats.session_id = s.session_id;

