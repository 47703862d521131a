-- Closed hours with the columns of ingest.narrow_sessions that they keep. A row stands for session_count sessions,
-- which all have its values; minutes and lengths are those of all of them. Of message_count, participant_count and,
-- where the hour is one of starts, completed_at, only whether they are null is kept.
create or replace view ingest.hourly_sessions as
select h.counted_by, h.hour::timestamptz as hour, h.session_count, h.source_id, src.source_slug as source, src.provider,
       h.session_kind, h.session_state, h.outcome, h.channel, h.chat_state,
       h.session_state in ('live', 'open') as is_provisional, src.message_support, src.minutes_basis,
       case when h.is_completed then h.hour::timestamptz end as completed_at,
       h.has_message_count, case when h.has_message_count then 1 end as message_count,
       case when h.has_participant_count then 1 end as participant_count,
       h.provider_minutes as minutes_consumed, h.duration_seconds
  from ingest.closed_hours h
  left join core.sources src on src.source_id = h.source_id;

comment on view ingest.hourly_sessions is 'Sessions that count, added up by hour.';
