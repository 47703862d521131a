-- On top of api_world.sql: meetings with artifacts, small enough to count by hand. Now is 2026-11-20 12:00 UTC.
--
-- session  began and ended           billed  presences                          sum    difference
-- 61       16th 10:00-11:00          105.5   p1 30, p2 30 (rejoin), p3 45, p4 0 105    0.5  rounding
-- 62       16th 10:45-11:30          70      q1 45, q2 20; a third is missing    65    5    participants_missing
-- 63       16th 23:30-17th 00:30     60      r1 60                               60    0    rounding
-- 64       17th 09:00, runs          20      l1 present, l2 10                   10    10   still_live
-- 65       17th 12:00-12:30          30      never fetched                       ?     ?
-- 66       17th 13:00-13:10          0       empty                               0     0    rounding
-- 67       a breakout room of 61: never counts
-- 68       20th 09:00-10:00          60      t1 60                               60    0    rounding
-- 71       16th 11:00-11:05, rtk-us  25      u1 10                               10    15   other
insert into core.sources (source_id, source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support,
                          history_from, schedule, session_kinds, is_enabled, session_streams,
                          pseudonym_slug) overriding system value
values (6, 'rtk-eu', 'realtimekit', 'eu', 'participant_time', false, 'per_session', '2026-01-01Z', '0 */5 * * * *', '{meeting,livestream}', true,
        '{participants,chat,transcript,summary,quality}', 'rtk-eu'),
       (7, 'rtk-us', 'realtimekit', 'us', 'participant_time', false, 'per_session', '2026-01-01Z', '0 */5 * * * *', '{meeting,livestream}', true,
        '{participants,chat,transcript,summary,quality}', 'rtk-us');
-- a stream fetched session by session proves no range: it must not make a value unproven
insert into ingest.streams (source_id, stream, last_attempt_at, last_success_at, last_verdict, consecutive_failures)
values (6, 'sessions', '2026-11-20 11:50Z', '2026-11-20 11:50Z', 'complete', 0),
       (6, 'participants', '2026-11-20 11:50Z', '2026-11-20 11:50Z', 'complete', 0),
       (7, 'sessions', '2026-11-20 11:50Z', '2026-11-20 11:50Z', 'complete', 0);
insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, reason, run_id, checked_at)
values (6, 'sessions', '2026-01-01Z', '2026-11-20 11:50Z', true, null, 1, '2026-11-20 11:50Z'),
       (7, 'sessions', '2026-01-01Z', '2026-11-20 11:50Z', true, null, 1, '2026-11-20 11:50Z');

insert into core.sessions overriding system value
select session_id, started_at, started_at, ended_at, null, null, null, started_at, started_at, source_id, null, null,
       false, 'realtimekit', 'meeting', case when ended_at is null then 'live' else 'ended' end, 'not_applicable',
       case when ended_at is not null then 'provider' end, extract(epoch from ended_at - started_at), minutes,
       'id-' || session_id, null, null, null, parent, null, '\x00', '\x00'
  from (values
    (61, 6, timestamptz '2026-11-16 10:00Z', timestamptz '2026-11-16 11:00Z', 105.5, null),
    (62, 6, '2026-11-16 10:45Z', '2026-11-16 11:30Z', 70, null),
    (63, 6, '2026-11-16 23:30Z', '2026-11-17 00:30Z', 60, null),
    (64, 6, '2026-11-17 09:00Z', null, 20, null),
    (65, 6, '2026-11-17 12:00Z', '2026-11-17 12:30Z', 30, null),
    (66, 6, '2026-11-17 13:00Z', '2026-11-17 13:10Z', 0, null),
    (67, 6, '2026-11-16 10:10Z', '2026-11-16 10:50Z', 999, 'id-61'),
    (68, 6, '2026-11-20 09:00Z', '2026-11-20 10:00Z', 60, null),
    (71, 7, '2026-11-16 11:00Z', '2026-11-16 11:05Z', 25, null)
  ) v (session_id, source_id, started_at, ended_at, minutes, parent);
insert into core.realtimekit_sessions (source_id, session_id, total_participants)
values (6, 61, 3), (6, 62, 3), (6, 63, 1), (6, 64, 2), (6, 65, 2), (6, 66, 0), (6, 67, 9), (6, 68, 1), (7, 71, 1);

insert into core.people values (6, 'person-ada', 'custom_participant', '2026-11-16Z'), (6, 'person-ben', 'participant_user', '2026-11-16Z');
insert into core.participants (participant_id, source_id, session_id, provider_participant_id, joined_at, left_at, duration_ms,
                               person_id, preset_name, is_rejoin, display_name, custom_participant_id)
overriding system value
values (1, 6, 61, 'p1', '2026-11-16 10:00Z', '2026-11-16 10:30Z', 1800000, 'person-ada', 'host', false, 'Ada', 'crm-17'),
       -- joins at the instant at which she left
       (2, 6, 61, 'p2', '2026-11-16 10:30Z', '2026-11-16 11:00Z', 1800000, 'person-ada', 'host', true, 'Ada', 'crm-17'),
       -- his leaving time is missing: he left with the session
       (3, 6, 61, 'p3', '2026-11-16 10:15Z', null, 2700000, 'person-ben', 'guest', false, 'Ben', null),
       -- of zero length
       (4, 6, 61, 'p4', '2026-11-16 10:20Z', '2026-11-16 10:20Z', 0, null, 'guest', false, null, null),
       (5, 6, 62, 'q1', '2026-11-16 10:45Z', '2026-11-16 11:30Z', 2700000, null, 'guest', false, 'Cy', null),
       (6, 6, 62, 'q2', '2026-11-16 10:50Z', '2026-11-16 11:10Z', 1200000, null, null, false, 'Dee', null),
       (7, 6, 63, 'r1', '2026-11-16 23:30Z', '2026-11-17 00:30Z', 3600000, null, 'host', false, null, null),
       (8, 6, 64, 'l1', '2026-11-17 09:00Z', null, null, null, 'host', false, null, null),
       (9, 6, 64, 'l2', '2026-11-17 09:00Z', '2026-11-17 09:10Z', 600000, null, 'guest', false, null, null),
       (10, 6, 67, 'b1', '2026-11-16 10:10Z', '2026-11-16 10:50Z', 2400000, null, 'host', false, null, null),
       (11, 6, 68, 't1', '2026-11-20 09:00Z', '2026-11-20 10:00Z', 3600000, null, 'host', false, null, null),
       (12, 7, 71, 'u1', '2026-11-16 11:00Z', '2026-11-16 11:10Z', 600000, null, 'host', false, null, null);
insert into core.session_participation (source_id, session_id, participant_ms, participant_count, person_count, unknown_duration_count, peak_participants)
values (6, 61, 6300000, 4, 3, 0, 2), (6, 62, 3900000, 2, 2, 0, 2), (6, 63, 3600000, 1, 1, 0, 1), (6, 64, 600000, 2, 2, 1, 2),
       (6, 66, 0, 0, 0, 0, 0), (6, 67, 2400000, 1, 1, 0, 1), (6, 68, 3600000, 1, 1, 0, 1), (7, 71, 600000, 1, 1, 0, 1);

insert into ingest.artifact_tasks (source_id, session_id, stream, state, reason, attempts, next_try_at, content_at, last_attempt_at)
values (6, 61, 'participants', 'available', null, 1, null, '2026-11-16 11:05Z', '2026-11-16 11:05Z'),
       (6, 61, 'chat', 'available', null, 1, null, '2026-11-16 11:05Z', '2026-11-16 11:05Z'),
       (6, 61, 'transcript', 'available', null, 2, null, '2026-11-16 11:09Z', '2026-11-16 11:09Z'),
       (6, 61, 'summary', 'available', null, 2, null, '2026-11-16 11:09Z', '2026-11-16 11:09Z'),
       (6, 61, 'quality', 'available', null, 1, null, '2026-11-16 11:09Z', '2026-11-16 11:09Z'),
       (6, 62, 'chat', 'not_enabled', 'not_found', 9, null, null, '2026-11-19 11:05Z'),
       (6, 62, 'transcript', 'empty', 'zero_bytes', 9, null, null, '2026-11-19 11:05Z'),
       (6, 63, 'transcript', 'pending', 'not_found', 7, '2026-11-20 13:00Z', null, '2026-11-20 11:00Z'),
       (6, 65, 'participants', 'failed', 'too_large', 3, null, null, '2026-11-18 12:05Z'),
       (6, 65, 'transcript', 'expired', 'link_dead', 9, null, null, '2026-11-19 12:05Z'),
       (6, 66, 'transcript', 'not_enabled', 'not_found', 9, null, null, '2026-11-19 12:05Z'),
       (7, 71, 'transcript', 'available', null, 1, null, '2026-11-16 11:30Z', '2026-11-16 11:30Z');

insert into core.transcripts (source_id, session_id, fetched_at, segment_count, word_count, speaker_count, format, language_code)
values (6, 61, '2026-11-16 11:09Z', 3, 30, 2, 'json', 'en-US'), (6, 62, '2026-11-19 11:05Z', 0, 0, 0, 'csv', null),
       (7, 71, '2026-11-16 11:30Z', 2, 15, 2, 'vtt', null);
insert into core.transcript_segments (source_id, session_id, position, offset_ms, end_offset_ms, started_at, word_count, char_count,
                                      provider_participant_id, speaker_id, speaker_label, body)
values (6, 61, 0, 0, null, '2026-11-16 10:00Z', 12, 60, 'p1', 'person-ada', 'Ada', E'Hello & welcome.\n\n<Let us> begin.'),
       (6, 61, 1, 61500, 63000, '2026-11-16 10:01:01.5Z', 10, 50, null, 'person-ben', 'Ben', 'Good morning.'),
       (6, 61, 2, null, null, null, 8, 40, null, 'person-ada', 'Ada', 'That is all.'),
       (7, 71, 0, 1000, null, '2026-11-16 11:00:01Z', 10, 40, 'u1', 'person-cleo', 'Cleo', 'Yes.'),
       (7, 71, 1, 2000, null, '2026-11-16 11:00:02Z', 5, 20, null, null, 'Zoe', 'No.');
insert into core.session_summaries values (61, '2026-11-16 11:09Z', 6, 3, 'markdown', '# A short meeting');

insert into core.participant_quality (source_id, session_id, provider_participant_id, fetched_at, has_report, audio_out_mos_avg,
                                      audio_in_mos_avg, audio_out_packet_loss_avg, country_code, used_turn)
values (6, 61, 'p1', '2026-11-16 11:09Z', true, 4.0, 4.5, 0.004, 'DE', false),
       (6, 61, 'p2', '2026-11-16 11:09Z', true, 3.0, null, null, null, null),
       (6, 61, 'p3', '2026-11-16 11:09Z', false, null, null, null, null, null),
       (6, 62, 'q1', '2026-11-16 11:40Z', true, 4.5, 4.0, null, null, null);

insert into core.messages (source_id, session_id, sent_at, position, char_count, word_count, sender_role, provider_message_id, body,
                           provider_participant_id, payload_type)
values (6, 61, '2026-11-16 10:05Z', 0, 5, 1, 'participant', 'm0', 'Hello', 'p1', 'TEXT_MESSAGE');
insert into core.session_stats (source_id, session_id, message_count) values (6, 61, 1);
