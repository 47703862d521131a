-- The sessions that metrics count, for people who write SQL by hand: no filter is forgotten. Minutes have a fixed
-- number of digits, which spreadsheets can add. Comments are those of sessions.
create or replace view analytics.sessions_counted as
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.provider_session_id, s.session_kind,
       s.provider_status, s.session_state, s.outcome, s.is_flagged_unresolved, s.channel, s.person_id, s.group_key,
       s.created_at, s.ended_at, s.ended_at_source, s.completed_at, s.last_activity_at, s.duration_seconds,
       s.minutes_consumed::numeric(20,6) as minutes_consumed, s.minutes_basis,
       s.elapsed_minutes::numeric(20,6) as elapsed_minutes, s.is_provisional, s.max_concurrent_participants,
       s.message_count, s.user_message_count, s.assistant_message_count, s.user_word_count, s.assistant_word_count,
       s.first_response_seconds, s.avatar_id, s.voice_name, s.api_key_type, s.workspace_id, s.feed_id, s.skill_type,
       s.sub_intent_type, s.trail_length, s.app_id, s.meeting_id, s.session_type, s.live_participants,
       s.total_participants, s.recording_status, s.has_outcomes, s.message_support, s.provider_updated_at,
       s.first_seen_at, s.last_changed_at, s.participant_count, s.person_count,
       s.participant_minutes::numeric(20,6) as participant_minutes, s.unknown_duration_count, s.peak_participants,
       s.unexplained_minutes::numeric(20,6) as unexplained_minutes, s.unexplained_minutes_class, s.transcript_state,
       s.transcript_word_count, s.summary_state, s.chat_state, s.quality_report_count, s.launch_quality,
       s.launch_voice, s.launch_stt_provider, s.launch_idle_timeout_seconds, s.launch_duration_limit_seconds,
       s.is_connected, s.is_never_started, s.turn_count, s.reply_seconds, s.active_seconds, s.is_unanswered,
       s.last_sender_role, s.last_message_at, s.attended_seconds, s.rejoined_person_count, s.first_joined_at,
       s.is_stale_open, s.effective_ended_at, s.is_handed_off, s.changed_at,
       s.untimed_message_count
  from analytics.sessions s
 where s.is_counted;

comment on view analytics.sessions_counted is
  'The sessions that metrics count: those of sessions without breakout rooms and without sessions that their provider '
  'deleted. Minutes are rounded to six digits after the point.';
do $$
declare
  of_sessions record;
begin
  for of_sessions in
    select a.attname, col_description('analytics.sessions'::regclass, s.attnum)
                      || case when a.atttypid = 'numeric'::regtype and a.atttypmod > 0
                              then ' Rounded to six digits after the point.' else '' end as comment
      from pg_attribute a
      join pg_attribute s on s.attrelid = 'analytics.sessions'::regclass and s.attname = a.attname
     where a.attrelid = 'analytics.sessions_counted'::regclass and a.attnum > 0 and not a.attisdropped
  loop
    execute format('comment on column analytics.sessions_counted.%I is %L', of_sessions.attname, of_sessions.comment);
  end loop;
end $$;
