-- The hand-counted world: 33 sessions of three providers, of which 29 count. The expected value of every metric is in
-- every_metric.toml.
--
-- All times UTC. Now is Monday 2025-10-27 12:05; everything is proven complete up to 12:00. Clocks in Berlin went
-- forward on 30 March 2025 and back on 26 October 2025, each time at 01:00 UTC. In New York it was UTC-4 on all of these
-- days, in Kathmandu it always is UTC+5:45.
insert into core.sources (source_id, source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support,
                          history_from, schedule, session_kinds, is_enabled, session_streams,
                          pseudonym_slug) overriding system value
values (1, 'rtk-main',    'realtimekit', 'app', 'participant_time', false, 'per_session', '2025-01-01Z', '0 */5 * * * *', '{meeting,livestream}', true, '{participants,chat,transcript,summary,quality}', 'rtk-main'),
       (2, 'konpro-main', 'konpro',      '',    'session_time',     false, 'none',        '2025-01-01Z', '0 */5 * * * *', '{avatar}', true, '{}', 'konpro-main'),
       (3, 'konvo-main',  'konvo',       '',    null,               true,  'inline',      '2025-01-01Z', '0 */5 * * * *', '{chat}', true, '{}', 'konvo-main');

-- people handle a refund, and one of them wrote in 205
update core.sources set human_steps = '{REFUND,AGENT}' where source_id = 3;

insert into ingest.streams (source_id, stream, last_attempt_at, last_success_at, last_verdict)
values (1, 'sessions', '2025-10-27 12:00Z', '2025-10-27 12:00Z', 'complete'),
       (2, 'sessions', '2025-10-27 12:00Z', '2025-10-27 12:00Z', 'complete'),
       (3, 'sessions', '2025-10-27 12:04Z', '2025-10-27 12:04Z', 'complete');
insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, run_id, checked_at)
values (1, 'sessions', '2025-01-01Z', '2025-10-27 12:00Z', true, 1, '2025-10-27 12:00Z'),
       (2, 'sessions', '2025-01-01Z', '2025-10-27 12:00Z', true, 2, '2025-10-27 12:00Z'),
       (3, 'sessions', '2025-01-01Z', '2025-10-27 12:04Z', true, 3, '2025-10-27 12:04Z');
-- four runs have finished, one of them failed; one is in progress
insert into ingest.runs (run_id, source_id, stream, started_at, heartbeat_at, finished_at, verdict, inserted_count) overriding system value
values (1, 1, 'sessions', '2025-10-27 11:59Z', '2025-10-27 12:00Z', '2025-10-27 11:59:30Z', 'complete', 1),
       (2, 2, 'sessions', '2025-10-27 11:59Z', '2025-10-27 12:00Z', '2025-10-27 11:59:30Z', 'complete', 1),
       (3, 3, 'sessions', '2025-10-27 11:59Z', '2025-10-27 12:00Z', '2025-10-27 11:59:30Z', 'complete', 1),
       (4, 2, 'sessions', '2025-10-27 11:50Z', '2025-10-27 11:50Z', '2025-10-27 11:50:30Z', 'failed', 0),
       (5, 1, 'sessions', '2025-10-27 11:59:59Z', '2025-10-27 12:04Z', null, null, 0);

-- Avatars. 101-109 count, 110 is deleted at the provider.
--
-- 101  29 Mar 22:30, 10 min
-- 102  30 Mar 00:50, 20 min, over the change of clocks
-- 103  30 Mar 22:30, 1.5 min: the 31st in Berlin
-- 104  25 Oct 22:10, 50 min: the 26th in Berlin
-- 105  26 Oct 00:30, 60 min: from 02:30 to 02:30 in Berlin
-- 106  26 Oct 09:00, never connected
-- 107  27 Oct 11:50, live, five minutes metered so far
-- 108  26 Oct 20:00, 300 min: longer than four hours
-- 109  24 Oct 10:00, 2 min, in an unknown status
insert into core.sessions (session_id, source_id, provider, session_kind, provider_session_id, created_at, started_at, first_seen_at,
                           last_changed_at, ended_at, ended_at_source, last_activity_at, duration_seconds, provider_minutes,
                           provider_status, session_state, outcome, group_key, is_deleted_at_provider, row_hash, raw_hash) overriding system value
select session_id, 2, 'konpro', 'avatar', 'k-' || session_id, at, at, at, at,
       case when state in ('ended', 'unknown') then at + make_interval(secs => seconds) end,
       case when state in ('ended', 'unknown') then 'duration' end,
       case when seconds > 0 then at + make_interval(secs => seconds) end,
       case when state <> 'live' then seconds end, seconds::numeric / 60, status, state, 'not_applicable', avatar, is_deleted, '\x00', '\x00'
  from (values (101, timestamptz '2025-03-29 22:30Z', 600, 'connected', 'ended', 'anna', false),
               (102, '2025-03-30 00:50Z', 1200, 'connected', 'ended', 'anna', false),
               (103, '2025-03-30 22:30Z', 90, 'connected', 'ended', 'bert', false),
               (104, '2025-10-25 22:10Z', 3000, 'connected', 'ended', 'anna', false),
               (105, '2025-10-26 00:30Z', 3600, 'connected', 'ended', 'bert', false),
               (106, '2025-10-26 09:00Z', 0, 'connecting', 'never_started', 'anna', false),
               (107, '2025-10-27 11:50Z', 300, 'connected', 'live', 'anna', false),
               (108, '2025-10-26 20:00Z', 18000, 'connected', 'ended', 'bert', false),
               (109, '2025-10-24 10:00Z', 120, 'paused', 'unknown', 'anna', false),
               (110, '2025-10-25 12:00Z', 600, 'connected', 'ended', 'anna', true))
       v (session_id, at, seconds, status, state, avatar, is_deleted);
insert into core.konpro_sessions (source_id, session_id, avatar_id, voice_name, api_key_type)
select 2, session_id, group_key, case group_key when 'anna' then 'Aria' else 'Bruno' end, 'PAID'
  from core.sessions where source_id = 2;

-- Chats. 201-211 count, 212 is deleted at the provider.
--
--      began         completed      outcome     person  messages (u customer, a other side; seconds after the start)
-- 201  29 Mar 12:00  29 Mar 12:30   resolved    1       u0 a30 u600 a610
-- 202  30 Mar 00:30  30 Mar 02:00   unresolved  2       u0 u60 a120
-- 203   2 Apr 12:00   2 Apr 12:20   resolved    1       u0 a20
-- 204  24 Oct 08:00  24 Oct 08:10   resolved    3       a0 u60 a70
-- 205  24 Oct 09:00  25 Oct 09:00   resolved    4       u0 a300
-- 206  25 Oct 23:30  26 Oct 00:30   unresolved  3       u0, and no reply
-- 207  26 Oct 01:15  26 Oct 01:45   resolved    5       u0 a5
-- 208  26 Oct 10:00  -              open        -       u0 a1200: stale, as nothing has happened for a day
-- 209  27 Oct 11:00  -              open        1       u0 a40 u1800; flagged unresolved already
-- 210  26 Oct 12:00  -              unknown     -       never fetched
-- 211  26 Oct 13:00  26 Oct 13:05   unresolved  2       none
insert into core.people (source_id, person_id, identity_kind, first_seen_at)
values (3, 'person-1', 'contact', '2025-03-29Z'), (3, 'person-2', 'contact', '2025-03-30Z'), (3, 'person-3', 'contact', '2025-10-24Z'),
       (3, 'person-4', 'contact', '2025-10-24Z'), (3, 'person-5', 'contact', '2025-10-26Z'),
       (1, 'person-ada', 'custom_participant', '2025-03-29Z'), (1, 'person-ben', 'custom_participant', '2025-03-29Z'),
       (1, 'person-cy', 'custom_participant', '2025-10-25Z'), (1, 'person-dee', 'participant_user', '2025-10-26Z'),
       (1, 'person-eve', 'participant_user', '2025-10-27Z');
insert into core.sessions (session_id, source_id, provider, session_kind, provider_session_id, created_at, started_at, first_seen_at,
                           last_changed_at, ended_at, ended_at_source, completed_at, last_activity_at, duration_seconds,
                           session_state, outcome, is_flagged_unresolved, channel, person_id, is_deleted_at_provider, row_hash, raw_hash) overriding system value
select session_id, 3, 'konvo', 'chat', 'v-' || session_id, at, at, at, at,
       completed, case when completed is not null then 'provider' end, completed, last_message,
       extract(epoch from coalesce(completed, last_message) - at),
       case outcome when 'open' then 'open' when 'unknown' then 'unknown' else 'ended' end, outcome, is_flagged,
       channel, person, is_deleted, '\x00', '\x00'
  from (values (201, timestamptz '2025-03-29 12:00Z', timestamptz '2025-03-29 12:30Z', timestamptz '2025-03-29 12:10:10Z', 'resolved', false, 'whatsapp', 'person-1', false),
               (202, '2025-03-30 00:30Z', '2025-03-30 02:00Z', '2025-03-30 00:32Z', 'unresolved', true, 'webchat', 'person-2', false),
               (203, '2025-04-02 12:00Z', '2025-04-02 12:20Z', '2025-04-02 12:00:20Z', 'resolved', false, 'whatsapp', 'person-1', false),
               (204, '2025-10-24 08:00Z', '2025-10-24 08:10Z', '2025-10-24 08:01:10Z', 'resolved', false, 'whatsapp', 'person-3', false),
               (205, '2025-10-24 09:00Z', '2025-10-25 09:00Z', '2025-10-24 09:05Z', 'resolved', false, 'email', 'person-4', false),
               (206, '2025-10-25 23:30Z', '2025-10-26 00:30Z', '2025-10-25 23:30Z', 'unresolved', true, 'webchat', 'person-3', false),
               (207, '2025-10-26 01:15Z', '2025-10-26 01:45Z', '2025-10-26 01:15:05Z', 'resolved', false, 'whatsapp', 'person-5', false),
               (208, '2025-10-26 10:00Z', null, '2025-10-26 10:20Z', 'open', false, 'webchat', null, false),
               (209, '2025-10-27 11:00Z', null, '2025-10-27 11:30Z', 'open', true, 'whatsapp', 'person-1', false),
               (210, '2025-10-26 12:00Z', null, null, 'unknown', null, null, null, false),
               (211, '2025-10-26 13:00Z', '2025-10-26 13:05Z', null, 'unresolved', true, 'whatsapp', 'person-2', false),
               (212, '2025-10-26 14:00Z', '2025-10-26 14:10Z', '2025-10-26 14:00Z', 'resolved', false, 'whatsapp', 'person-2', true))
       v (session_id, at, completed, last_message, outcome, is_flagged, channel, person, is_deleted);
insert into core.konvo_sessions (source_id, session_id, workspace_id, feed_id, contact_id, external_user_id, skill_type, sub_intent_type, trail_length)
select 3, session_id, 'w-1', 'f-1', 'contact-' || session_id, '+49151000' || session_id, skill, skill, steps
  from (values (201, 'ORDER', 2), (202, 'CONCIERGE', 1), (203, 'ORDER', 3), (204, 'CONCIERGE', 1), (205, 'ORDER', 2), (206, 'CONCIERGE', 1),
               (207, 'CONCIERGE', 1), (208, 'ORDER', 2), (209, 'CONCIERGE', 1), (210, null, null), (211, 'CONCIERGE', 1), (212, 'ORDER', 1))
       v (session_id, skill, steps);
insert into core.trail_steps (source_id, session_id, step_number, step_type, step)
values (3, 201, 1, 'CONCIERGE', '{}'), (3, 201, 2, 'ORDER', '{}'), (3, 202, 1, null, '{}'),
       (3, 203, 1, 'CONCIERGE', '{}'), (3, 203, 2, 'ORDER', '{}'), (3, 203, 3, 'REFUND', '{}'), (3, 204, 1, 'CONCIERGE', '{}'),
       (3, 205, 1, 'CONCIERGE', '{}'), (3, 205, 2, 'ORDER', '{}'), (3, 206, 1, null, '{}'), (3, 207, 1, 'CONCIERGE', '{}'),
       (3, 208, 1, 'CONCIERGE', '{}'), (3, 208, 2, 'ORDER', '{}'), (3, 209, 1, 'CONCIERGE', '{}'), (3, 211, 1, 'CONCIERGE', '{}'),
       (3, 212, 1, 'ORDER', '{}');
insert into core.messages (source_id, session_id, position, sent_at, sender_role, provider_message_id, provider_origin, word_count, char_count, body)
select 3, session_id, place, s.started_at + make_interval(secs => seconds), role, session_id || '-' || place,
       case role when 'user' then 'RECIPIENT' else 'AI' end, words, words * 6, repeat('hello ', words)
  from (values (201, 0, 0, 'user', 3), (201, 1, 30, 'assistant', 5), (201, 2, 600, 'user', 2), (201, 3, 610, 'assistant', 4),
               (202, 0, 0, 'user', 4), (202, 1, 60, 'user', 1), (202, 2, 120, 'assistant', 6),
               (203, 0, 0, 'user', 1), (203, 1, 20, 'assistant', 2),
               (204, 0, 0, 'assistant', 3), (204, 1, 60, 'user', 2), (204, 2, 70, 'assistant', 3),
               (205, 0, 0, 'user', 10), (205, 1, 300, 'assistant', 20),
               (206, 0, 0, 'user', 2),
               (207, 0, 0, 'user', 1), (207, 1, 5, 'assistant', 1),
               (208, 0, 0, 'user', 2), (208, 1, 1200, 'assistant', 2),
               (209, 0, 0, 'user', 1), (209, 1, 40, 'assistant', 1), (209, 2, 1800, 'user', 1),
               (212, 0, 0, 'user', 7)) v (session_id, place, seconds, role, words)
  join core.sessions s using (session_id);
update core.messages set provider_origin = 'AGENT' where source_id = 3 and session_id = 205 and position = 1;
insert into core.session_stats (source_id, session_id, message_count, user_message_count, assistant_message_count,
                                user_word_count, assistant_word_count, first_response_seconds)
values (3, 201, 4, 2, 2, 5, 9, 30), (3, 202, 3, 2, 1, 5, 6, 120), (3, 203, 2, 1, 1, 1, 2, 20), (3, 204, 3, 1, 2, 2, 6, 10),
       (3, 205, 2, 1, 1, 10, 20, 300), (3, 206, 1, 1, 0, 2, 0, null), (3, 207, 2, 1, 1, 1, 1, 5), (3, 208, 2, 1, 1, 2, 2, 1200),
       (3, 209, 3, 2, 1, 2, 1, 40), (3, 211, 0, 0, 0, 0, 0, null), (3, 212, 1, 1, 0, 7, 0, null);

-- Meetings. 301-308 and the livestream 311 count; 309 is a breakout room of 304, 310 is deleted at the provider.
--
--      began         ended         billed  presences                                                sum   chat  transcript
-- 301  29 Mar 23:00  30 Mar 00:00  105.5   Ada 23:00-23:30 and 23:30-00:00, Ben 23:15-00:00          105   2     40 words
-- 302  30 Mar 00:30  30 Mar 01:30  70      two unknown: 00:30-01:15, 00:50-01:10; one missing        65    none  none made
-- 303  25 Oct 22:30  25 Oct 23:30  60      Cy, all the time                                          60    0     0 words
-- 304  26 Oct 00:00  26 Oct 02:00  200     Ada all the time, Dee 00:10-01:30                         200   1     100 words
-- 305  26 Oct 08:00  26 Oct 08:10  0       empty                                                     0     none  none made
-- 306  26 Oct 15:00  26 Oct 15:30  30      never fetched; the provider counts two                    ?     ?     expired
-- 307  27 Oct 11:00  runs          100     Ada is present, an unknown person 11:05-11:15             10    ?     pending
-- 308  25 Oct 10:00  "runs"        40      Ben 10:00-10:40; now empty, last sign of life at 11:00    40    ?     pending
-- 311  27 Oct 06:00  27 Oct 06:20  20      Eve, all the time                                         20    ?     pending
insert into core.sessions (session_id, source_id, provider, session_kind, provider_session_id, created_at, started_at, first_seen_at,
                           last_changed_at, provider_updated_at, ended_at, ended_at_source, last_activity_at, duration_seconds, provider_minutes,
                           provider_status, session_state, outcome, group_key, parent_provider_session_id, is_deleted_at_provider,
                           max_concurrent_participants, row_hash, raw_hash) overriding system value
select session_id, 1, 'realtimekit', kind, 'r-' || session_id, at, at, at, at, last_activity,
       ended, case when ended is not null then 'provider' end, last_activity, extract(epoch from ended - at), minutes,
       case when ended is null then 'LIVE' else 'ENDED' end, case when ended is null then 'live' else 'ended' end, 'not_applicable',
       meeting, parent, is_deleted, peak, '\x00', '\x00'
  from (values (301, 'meeting', timestamptz '2025-03-29 23:00Z', timestamptz '2025-03-30 00:00Z', timestamptz '2025-03-30 00:00Z', 105.5, 'm-1', null, false, 2),
               (302, 'meeting', '2025-03-30 00:30Z', '2025-03-30 01:30Z', '2025-03-30 01:30Z', 70, 'm-2', null, false, 3),
               (303, 'meeting', '2025-10-25 22:30Z', '2025-10-25 23:30Z', '2025-10-25 23:30Z', 60, 'm-1', null, false, 1),
               (304, 'meeting', '2025-10-26 00:00Z', '2025-10-26 02:00Z', '2025-10-26 02:00Z', 200, 'm-1', null, false, 2),
               (305, 'meeting', '2025-10-26 08:00Z', '2025-10-26 08:10Z', '2025-10-26 08:10Z', 0, 'm-2', null, false, 0),
               (306, 'meeting', '2025-10-26 15:00Z', '2025-10-26 15:30Z', '2025-10-26 15:30Z', 30, 'm-2', null, false, 2),
               (307, 'meeting', '2025-10-27 11:00Z', null, '2025-10-27 11:55Z', 100, 'm-1', null, false, 2),
               (308, 'meeting', '2025-10-25 10:00Z', null, '2025-10-25 11:00Z', 40, 'm-3', null, false, 1),
               (309, 'meeting', '2025-10-26 00:15Z', '2025-10-26 00:45Z', '2025-10-26 00:45Z', 25, 'm-1', 'r-304', false, 1),
               (310, 'meeting', '2025-10-26 16:00Z', '2025-10-26 17:00Z', '2025-10-26 17:00Z', 500, 'm-1', null, true, 9),
               (311, 'livestream', '2025-10-27 06:00Z', '2025-10-27 06:20Z', '2025-10-27 06:20Z', 20, 'm-4', null, false, 1))
       v (session_id, kind, at, ended, last_activity, minutes, meeting, parent, is_deleted, peak);
insert into core.realtimekit_sessions (source_id, session_id, app_id, meeting_id, meeting_title, session_type, live_participants, total_participants)
select 1, session_id, 'app', group_key, 'Title of ' || group_key, session_kind, live, total
  from (values (301, 0, 3), (302, 0, 3), (303, 0, 1), (304, 0, 2), (305, 0, 0), (306, 0, 2), (307, 1, 2), (308, 0, 1), (309, 0, 1), (310, 0, 9), (311, 0, 1))
       v (session_id, live, total)
  join core.sessions using (session_id);
insert into core.participants (participant_id, source_id, session_id, provider_participant_id, person_id, joined_at, left_at, duration_ms,
                               preset_name, is_rejoin, display_name, custom_participant_id) overriding system value
values (1,  1, 301, 'p1', 'person-ada', '2025-03-29 23:00Z', '2025-03-29 23:30Z', 1800000, 'host', false, 'Ada', 'crm-1'),
       (2,  1, 301, 'p2', 'person-ada', '2025-03-29 23:30Z', '2025-03-30 00:00Z', 1800000, 'host', true, 'Ada', 'crm-1'),
       (3,  1, 301, 'p3', 'person-ben', '2025-03-29 23:15Z', '2025-03-30 00:00Z', 2700000, 'guest', false, 'Ben', 'crm-2'),
       (4,  1, 302, 'q1', null,         '2025-03-30 00:30Z', '2025-03-30 01:15Z', 2700000, 'guest', false, 'X', null),
       (5,  1, 302, 'q2', null,         '2025-03-30 00:50Z', '2025-03-30 01:10Z', 1200000, 'guest', false, 'Y', null),
       (6,  1, 303, 'r1', 'person-cy',  '2025-10-25 22:30Z', '2025-10-25 23:30Z', 3600000, 'host', false, 'Cy', 'crm-3'),
       (7,  1, 304, 's1', 'person-ada', '2025-10-26 00:00Z', '2025-10-26 02:00Z', 7200000, 'host', false, 'Ada', 'crm-1'),
       (8,  1, 304, 's2', 'person-dee', '2025-10-26 00:10Z', '2025-10-26 01:30Z', 4800000, 'guest', false, 'Dee', null),
       (9,  1, 307, 'l1', 'person-ada', '2025-10-27 11:00Z', null, null, 'host', false, 'Ada', 'crm-1'),
       (10, 1, 307, 'l2', null,         '2025-10-27 11:05Z', '2025-10-27 11:15Z', 600000, 'guest', false, 'Z', null),
       (11, 1, 308, 'u1', 'person-ben', '2025-10-25 10:00Z', '2025-10-25 10:40Z', 2400000, 'host', false, 'Ben', 'crm-2'),
       (12, 1, 309, 'b1', 'person-dee', '2025-10-26 00:15Z', '2025-10-26 00:45Z', 1800000, 'guest', false, 'Dee', null),
       (13, 1, 311, 'v1', 'person-eve', '2025-10-27 06:00Z', '2025-10-27 06:20Z', 1200000, 'host', false, 'Eve', null);
insert into core.session_participation (source_id, session_id, participant_ms, participant_count, person_count, unknown_duration_count, peak_participants)
values (1, 301, 6300000, 3, 2, 0, 2), (1, 302, 3900000, 2, 2, 0, 2), (1, 303, 3600000, 1, 1, 0, 1), (1, 304, 12000000, 2, 2, 0, 2),
       (1, 305, 0, 0, 0, 0, 0), (1, 307, 600000, 2, 2, 1, 2), (1, 308, 2400000, 1, 1, 0, 1), (1, 309, 1800000, 1, 1, 0, 1),
       (1, 311, 1200000, 1, 1, 0, 1);
insert into core.messages (source_id, session_id, position, sent_at, sender_role, provider_message_id, provider_participant_id, payload_type, word_count, char_count, body)
values (1, 301, 0, '2025-03-29 23:05Z', 'participant', 'c1', 'p1', 'TEXT_MESSAGE', 2, 8, 'Hi there'),
       (1, 301, 1, '2025-03-29 23:20Z', 'participant', 'c2', 'p3', 'TEXT_MESSAGE', 3, 11, 'Good to see'),
       (1, 304, 0, '2025-10-26 00:20Z', 'participant', 'c1', 's2', 'TEXT_MESSAGE', 4, 16, 'Can you hear me?');
insert into core.session_stats (source_id, session_id, message_count) values (1, 301, 2), (1, 303, 0), (1, 304, 1);
insert into core.transcripts (source_id, session_id, fetched_at, segment_count, word_count, speaker_count, format)
values (1, 301, '2025-03-30 00:10Z', 3, 40, 2, 'csv'), (1, 303, '2025-10-25 23:40Z', 0, 0, 0, 'csv'), (1, 304, '2025-10-26 02:10Z', 2, 100, 2, 'csv');
insert into core.transcript_segments (source_id, session_id, position, started_at, offset_ms, provider_participant_id, speaker_id, speaker_label, word_count, char_count, body)
values (1, 301, 0, '2025-03-29 23:01Z', 60000, 'p1', 'person-ada', 'Ada', 20, 100, 'spoken'),
       (1, 301, 1, '2025-03-29 23:16Z', 960000, 'p3', 'person-ben', 'Ben', 10, 50, 'spoken'),
       (1, 301, 2, '2025-03-29 23:40Z', 2400000, 'p2', 'person-ada', 'Ada', 10, 50, 'spoken'),
       (1, 304, 0, '2025-10-26 00:11Z', 660000, 's1', 'person-ada', 'Ada', 50, 250, 'spoken'),
       (1, 304, 1, '2025-10-26 01:00Z', 3600000, 's2', 'person-dee', 'Dee', 50, 250, 'spoken');
insert into core.session_summaries (source_id, session_id, fetched_at, word_count, format, body)
values (1, 301, '2025-03-30 00:10Z', 12, 'markdown', 'summary');
insert into ingest.artifact_tasks (source_id, session_id, stream, state, reason, next_try_at)
select 1, session_id, stream, state, null, case when state = 'pending' then timestamptz '2025-10-27 12:10Z' end
  from (values (301, 'available', 'available', 'available', 'available', 'available'),
               (302, 'available', 'not_enabled', 'not_enabled', 'not_enabled', 'available'),
               (303, 'available', 'empty', 'empty', 'not_enabled', 'available'),
               (304, 'available', 'available', 'available', 'failed', 'available'),
               (305, 'empty', 'not_enabled', 'not_enabled', 'not_enabled', 'empty'),
               (306, 'failed', 'expired', 'expired', 'expired', 'failed'),
               (307, 'available', 'pending', 'pending', 'pending', 'pending'),
               (308, 'available', 'pending', 'pending', 'pending', 'pending'),
               (311, 'available', 'pending', 'pending', 'pending', 'pending')) v (session_id, participants, chat, transcript, summary, quality)
 cross join lateral (values ('participants', participants), ('chat', chat), ('transcript', transcript), ('summary', summary), ('quality', quality))
       k (stream, state);
-- Four presences of twelve have a report. That of p3 was requested, and there is none.
insert into core.participant_quality (source_id, session_id, provider_participant_id, fetched_at, has_report, audio_out_mos_avg, audio_in_mos_avg,
                                      audio_out_packet_loss_avg, audio_out_loss_over_5_rate, audio_out_rtt_ms_avg, audio_out_rtt_over_250_rate,
                                      video_out_fps_avg, country_code, device_os, network_type)
values (1, 301, 'p1', '2025-03-30 00:20Z', true, 4.2, 4.0, 0.02, 0.2, 100, 0, 24, 'DE', 'macOS', 'wifi'),
       (1, 301, 'p2', '2025-03-30 00:20Z', true, 3.0, 3.5, 0.04, 0.05, 200, 0.1, null, 'DE', 'iOS', '4g'),
       (1, 301, 'p3', '2025-03-30 00:20Z', false, null, null, null, null, null, null, null, null, null, null),
       (1, 304, 's1', '2025-10-26 02:20Z', true, 4.0, 4.5, 0.01, 0, 50, 0, 30, 'DE', 'macOS', 'wifi'),
       (1, 304, 's2', '2025-10-26 02:20Z', true, 2.0, null, 0.06, 0.3, 300, 0.6, null, 'FR', 'Windows', '4g');

-- Rejects: one record is still open, one was received again and could be read. Unknown provider values.
insert into ingest.rejects (source_id, stream, content_hash, provider_record_id, body, reason_code, json_pointer, detail, first_seen_at, run_id, resolved_at, last_seen_at, resolution)
values (2, 'sessions', '\x01', 'k-199', '{}', 'missing_field', '/created_at', 'created_at is missing', '2025-10-26 12:00Z', 2, null, '2025-10-27 11:59Z', null),
       (3, 'sessions', '\x02', 'v-299', '{}', 'missing_field', '/created_at', 'created_at is missing', '2025-10-26 12:00Z', 3, '2025-10-26 13:00Z', '2025-10-26 12:00Z', 'came_again');
insert into ingest.oddities (source_id, stream, kind, path, value, record_count, first_seen_at, last_seen_at)
values (2, 'sessions', 'unknown_value', '/status', 'paused', 1, '2025-10-24 10:05Z', '2025-10-24 10:05Z'),
       (3, 'sessions', 'unknown_field', '/priority', '', 7, '2025-10-24 10:05Z', '2025-10-24 10:05Z');

-- Late changes. 101 was stored with 8 minutes until two days later, 304 for 210 until three hours after its end.
insert into ingest.session_changes (source_id, session_id, provider_session_id, field, old_value, new_value, changed_at, run_id)
values (2, 101, 'k-101', 'provider_minutes', '8', '10', '2025-03-31 12:00Z', 2),
       (1, 304, 'r-304', 'provider_minutes', '210', '200', '2025-10-27 05:00Z', 1);

-- 26 October, compared with the providers: of the four avatar sessions one could not be read.
insert into ingest.reconciliations (source_id, stream, window_from, window_to, checked_at, state, provider_count, our_count_before, our_count,
                                    missing_count, healed_count, surplus_count, rejected_count, missing_ids, surplus_ids, backfill_id)
values (2, 'sessions', '2025-10-26Z', '2025-10-27Z', '2025-10-27 06:00Z', 'differs', 4, 3, 3, 1, 0, 0, 1, '{k-199}', '{}', 1),
       (3, 'sessions', '2025-10-26Z', '2025-10-27Z', '2025-10-27 06:00Z', 'match', 4, 4, 4, 0, 0, 0, 0, '{}', '{}', 2);

insert into ingest.data_versions (source_id, stream, version) values (1, 'sessions', 1), (2, 'sessions', 1), (3, 'sessions', 1);

-- Values that are computed once, when messages and participants are stored: here by hand, too.
do $$
begin
  if not exists (select from information_schema.columns
                  where table_schema = 'core' and table_name = 'session_stats' and column_name = 'turn_count') then
    return;
  end if;
  with v as materialized (
    select v.*, s.started_at + v.last * interval '1 second' as last_at
      from (values (201, 610, 2, false, 'assistant', 340, '{30,10}'::numeric[]), (202, 120, 1, false, 'assistant', 120, '{120}'),
                   (203, 20, 1, false, 'assistant', 20, '{20}'), (204, 70, 1, false, 'assistant', 70, '{10}'),
                   (205, 300, 1, false, 'assistant', 300, '{300}'), (206, 0, 0, true, 'user', 0, '{}'),
                   (207, 5, 1, false, 'assistant', 5, '{5}'), (208, 1200, 1, false, 'assistant', 300, '{1200}'),
                   (209, 1800, 1, false, 'user', 340, '{40}'), (211, null, 0, false, null, 0, '{}'), (212, 0, 0, true, 'user', 0, '{}'))
           v (session_id, last, turns, unanswered, role, active, replies)
      join core.sessions s using (session_id))
  update core.session_stats t
     set last_message_at = v.last_at, turn_count = v.turns, is_unanswered = v.unanswered, last_sender_role = v.role,
         active_seconds = v.active, reply_seconds = v.replies
    from v
   where t.source_id = 3 and t.session_id = v.session_id;
  update core.session_participation t
     set first_joined_at = v.first, attended_ms = v.minutes * 60000, rejoined_person_count = v.rejoined
    from (values (301, timestamptz '2025-03-29 23:00Z', 105, 1), (302, '2025-03-30 00:30Z', 65, 0), (303, '2025-10-25 22:30Z', 60, 0),
                 (304, '2025-10-26 00:00Z', 200, 0), (305, null, 0, 0), (307, '2025-10-27 11:00Z', null, 0),
                 (308, '2025-10-25 10:00Z', null, 0), (309, '2025-10-26 00:15Z', 30, 0), (311, '2025-10-27 06:00Z', 20, 0))
         v (session_id, first, minutes, rejoined)
   where t.source_id = 1 and t.session_id = v.session_id;
  update core.people t set first_visit_at = v.at
    from (values ('person-1', timestamptz '2025-03-29 12:00Z'), ('person-2', '2025-03-30 00:30Z'), ('person-3', '2025-10-24 08:00Z'),
                 ('person-4', '2025-10-24 09:00Z'), ('person-5', '2025-10-26 01:15Z'), ('person-ada', '2025-03-29 23:00Z'),
                 ('person-ben', '2025-03-29 23:00Z'), ('person-cy', '2025-10-25 22:30Z'), ('person-dee', '2025-10-26 00:00Z'),
                 ('person-eve', '2025-10-27 06:00Z')) v (person_id, at)
   where t.person_id = v.person_id;
end $$;
