-- May 2025 of the world of every_metric.sql: six sessions, in each of which a time, an end or a person is missing. The
-- expected value of every metric is in missing_times.toml.
--
--      began         ended        missing
-- 401  5 May 10:00   ?            an avatar of unknown state: no end, no length, no minutes
-- 402  6 May 10:00   ?            a chat resolved at an unknown time; of its four messages two have no time
-- 403  7 May 09:00   09:30        a chat of an unknown person, unresolved; neither of its two messages has a time
-- 404  8 May 12:00   ?            a chat of unknown outcome, whose messages were never fetched
-- 405  9 May 08:00   09:00        a meeting of Ada (all the time), an unknown person (joined at an unknown time) and Ben
--                                 (from 08:10 to an unknown time); its only message has no time
-- 406  10 May 08:00  ?            a meeting that has ended at an unknown time; nothing of it was fetched
insert into core.sessions (session_id, source_id, provider, session_kind, provider_session_id, created_at, started_at, first_seen_at,
                           last_changed_at, ended_at, completed_at, last_activity_at, duration_seconds, provider_minutes,
                           provider_status, session_state, outcome, channel, person_id, row_hash, raw_hash) overriding system value
select session_id, source_id, provider, kind, 'x-' || session_id, at, at, at, at, ended, completed, active, seconds, minutes, status, state,
       outcome, channel, person, '\x00', '\x00'
  from (values (401, 2, 'konpro', 'avatar', timestamptz '2025-05-05 10:00Z', null::timestamptz, null::timestamptz, null::timestamptz,
                null::numeric, null::numeric, 'connected', 'unknown', 'not_applicable', null, null),
               (402, 3, 'konvo', 'chat', '2025-05-06 10:00Z', null, null, '2025-05-06 10:05Z', 300, null, null, 'ended', 'resolved', 'email', 'person-2'),
               (403, 3, 'konvo', 'chat', '2025-05-07 09:00Z', '2025-05-07 09:30Z', '2025-05-07 09:30Z', null, 1800, null, null, 'ended', 'unresolved', 'email', null),
               (404, 3, 'konvo', 'chat', '2025-05-08 12:00Z', null, null, null, null, null, null, 'unknown', 'unknown', 'email', 'person-1'),
               (405, 1, 'realtimekit', 'meeting', '2025-05-09 08:00Z', '2025-05-09 09:00Z', null, '2025-05-09 09:00Z', 3600, 60, 'ENDED', 'ended', 'not_applicable', null, null),
               (406, 1, 'realtimekit', 'meeting', '2025-05-10 08:00Z', null, null, null, null, 30, 'ENDED', 'ended', 'not_applicable', null, null))
       v (session_id, source_id, provider, kind, at, ended, completed, active, seconds, minutes, status, state, outcome, channel, person);
insert into core.konpro_sessions (source_id, session_id, avatar_id) values (2, 401, 'anna');
insert into core.konvo_sessions (source_id, session_id, workspace_id, feed_id, contact_id, external_user_id, skill_type, trail_length)
values (3, 402, 'w-1', 'f-1', 'c-402', '+402', 'ORDER', 2), (3, 403, 'w-1', 'f-1', 'c-403', '+403', 'ORDER', 1), (3, 404, 'w-1', 'f-1', 'c-404', '+404', null, null);
insert into core.realtimekit_sessions (source_id, session_id, app_id, meeting_id, session_type, live_participants, total_participants)
values (1, 405, 'app', 'm-1', 'meeting', 0, 3), (1, 406, 'app', 'm-1', 'meeting', 0, 2);
insert into core.messages (source_id, session_id, position, sent_at, sender_role, provider_message_id, word_count, char_count, body)
values (3, 402, 0, '2025-05-06 10:00Z', 'user', '402-0', 3, 9, 'a'), (3, 402, 1, null, 'assistant', '402-1', 4, 9, 'a'),
       (3, 402, 2, null, 'user', '402-2', 2, 9, 'a'), (3, 402, 3, '2025-05-06 10:05Z', 'assistant', '402-3', 5, 9, 'a'),
       (3, 403, 0, null, 'user', '403-0', 1, 9, 'a'), (3, 403, 1, null, 'assistant', '403-1', 1, 9, 'a'),
       (1, 405, 0, null, 'participant', '405-0', 6, 9, 'a');
-- Messages without a time come last. So the reply of 402 is that of 10:05, and the reply of 403 came at an unknown time.
insert into core.session_stats (source_id, session_id, message_count, user_message_count, assistant_message_count, user_word_count,
                                assistant_word_count, first_response_seconds, last_message_at, turn_count, is_unanswered,
                                last_sender_role, active_seconds, reply_seconds, untimed_message_count)
values (3, 402, 4, 2, 2, 5, 9, 300, '2025-05-06 10:05Z', 1, false, 'user', 300, '{300}', 2),
       (3, 403, 2, 1, 1, 1, 1, null, null, 1, false, 'assistant', null, '{}', 2),
       (1, 405, 1, null, null, null, null, null, null, null, null, null, null, null, 1);
insert into core.participants (participant_id, source_id, session_id, provider_participant_id, person_id, joined_at, left_at, duration_ms,
                               preset_name, is_rejoin) overriding system value
values (401, 1, 405, 'a', 'person-ada', '2025-05-09 08:00Z', '2025-05-09 09:00Z', 3600000, 'host', false),
       (402, 1, 405, 'b', null, null, '2025-05-09 08:30Z', null, 'guest', false),
       (403, 1, 405, 'c', 'person-ben', '2025-05-09 08:10Z', null, null, 'guest', false);
insert into core.session_participation (source_id, session_id, participant_ms, participant_count, person_count, unknown_duration_count,
                                        peak_participants, first_joined_at, attended_ms, rejoined_person_count)
values (1, 405, 3600000, 3, 3, 2, 1, '2025-05-09 08:00Z', null, 0);
insert into core.transcripts (source_id, session_id, fetched_at, segment_count, word_count, speaker_count, format)
values (1, 405, '2025-05-09 09:10Z', 1, 10, 1, 'csv');
insert into core.transcript_segments (source_id, session_id, position, provider_participant_id, speaker_id, word_count, char_count, body)
values (1, 405, 0, 'a', 'person-ada', 10, 50, 'spoken');
insert into ingest.artifact_tasks (source_id, session_id, stream, state)
values (1, 405, 'participants', 'available'), (1, 405, 'chat', 'available'), (1, 405, 'transcript', 'available'), (1, 405, 'summary', 'failed'), (1, 405, 'quality', 'available'),
       (1, 406, 'participants', 'failed'), (1, 406, 'chat', 'failed'), (1, 406, 'transcript', 'expired'), (1, 406, 'summary', 'expired'), (1, 406, 'quality', 'failed');
insert into core.participant_quality (source_id, session_id, provider_participant_id, fetched_at, has_report, audio_out_mos_avg, audio_in_mos_avg,
                                      audio_out_packet_loss_avg, audio_out_loss_over_5_rate, audio_out_rtt_ms_avg, audio_out_rtt_over_250_rate,
                                      video_out_fps_avg, country_code, device_os, network_type)
values (1, 405, 'a', '2025-05-09 09:20Z', true, 4, 4.5, 0.01, 0, 100, 0, 24, 'DE', 'macOS', 'wifi');
