-- Sessions with all their data. Foreign keys and triggers could not cascade this, since a distributed engine refuses
-- both.
with konpro_sessions as (delete from core.konpro_sessions where source_id = $1 and session_id = any($2)),
konvo_sessions as (delete from core.konvo_sessions where source_id = $1 and session_id = any($2)),
realtimekit_sessions as (delete from core.realtimekit_sessions where source_id = $1 and session_id = any($2)),
konvo_trail_steps as (delete from core.konvo_trail_steps where source_id = $1 and session_id = any($2)),
messages as (delete from core.messages where source_id = $1 and session_id = any($2)),
session_stats as (delete from core.session_stats where source_id = $1 and session_id = any($2)),
participants as (delete from core.participants where source_id = $1 and session_id = any($2)),
session_participation as (delete from core.session_participation where source_id = $1 and session_id = any($2)),
participant_quality as (delete from core.participant_quality where source_id = $1 and session_id = any($2)),
transcripts as (delete from core.transcripts where source_id = $1 and session_id = any($2)),
transcript_segments as (delete from core.transcript_segments where source_id = $1 and session_id = any($2)),
session_summaries as (delete from core.session_summaries where source_id = $1 and session_id = any($2))
delete from core.sessions where source_id = $1 and session_id = any($2)
