-- A world small enough to count by hand. The current time is 2026-11-20 12:00 UTC; days are those of Berlin (UTC+1).
insert into core.sources (source_id, source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support,
                          history_from, schedule, session_kinds, is_enabled,
                          pseudonym_slug) overriding system value
values (1, 'rtk-prod',   'realtimekit', 'app', 'participant_time', false, 'not_fetched', '2026-01-01Z', '0 */5 * * * *', '{meeting,livestream}', true, 'rtk-prod'),
       (2, 'konpro-eu',  'konpro',      '',    'session_time',     false, 'none',        '2026-01-01Z', '0 */5 * * * *', '{avatar}', true, 'konpro-eu'),
       (3, 'konvo-eu',   'konvo',       '',    null,               true,  'inline',      '2026-01-01Z', '0 */5 * * * *', '{chat}', true, 'konvo-eu'),
       (4, 'konvo-us',   'konvo',       '',    null,               true,  'inline',      '2026-11-01Z', '0 */5 * * * *', '{chat}', true, 'konvo-us'),
       (5, 'konpro-old', 'konpro',      '',    'session_time',     false, 'none',        '2026-01-01Z', '0 */5 * * * *', '{avatar}', false, 'konpro-old');

insert into ingest.streams (source_id, stream, last_attempt_at, last_success_at, last_verdict, consecutive_failures,
                            lease_owner, lease_until, parked_until, last_error_class, last_error_detail, last_error_at)
values (1, 'sessions', '2026-11-20 11:58Z', '2026-11-20 11:50Z', 'complete', 0, 'poller-1', '2026-11-20 12:05Z', null, null, null, null),
       (2, 'sessions', '2026-11-20 11:50Z', '2026-11-19 00:00Z', 'failed', 3, null, null, '2026-11-20 12:31Z', 'auth_failed', 'GET /sessions: 401', '2026-11-20 11:50Z'),
       (3, 'sessions', '2026-11-20 11:50Z', '2026-11-20 11:50Z', 'complete', 0, null, null, null, null, null, null),
       (4, 'sessions', '2026-11-20 11:50Z', '2026-11-10 10:00Z', 'incomplete', 0, null, null, null, null, null, null),
       (5, 'sessions', '2026-10-01 00:00Z', '2026-10-01 00:00Z', 'complete', 0, null, null, null, null, null, null);

insert into ingest.runs overriding system value
select run_id, source_id, 'sessions', started_at, heartbeat_at, finished_at, verdict
  from (values (1, 3, timestamptz '2026-11-20 11:50Z', timestamptz '2026-11-20 11:50:05Z', timestamptz '2026-11-20 11:50:05Z', 'complete'),
               (2, 2, timestamptz '2026-11-20 11:50Z', timestamptz '2026-11-20 11:50:01Z', timestamptz '2026-11-20 11:50:01Z', 'failed'),
               (3, 4, timestamptz '2026-11-20 11:50Z', timestamptz '2026-11-20 11:50:01Z', timestamptz '2026-11-20 11:50:01Z', 'incomplete'),
               (4, 1, timestamptz '2026-11-20 11:58Z', timestamptz '2026-11-20 11:59Z', null, null))
       v (run_id, source_id, started_at, heartbeat_at, finished_at, verdict);
update ingest.runs set inserted_count = 5, page_count = 1, record_count = 5 where run_id in (1, 4);

insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, reason, run_id, checked_at)
values (1, 'sessions', '2026-01-01Z', '2026-11-20 11:50Z', true, null, 1, '2026-11-20 11:50Z'),
       (2, 'sessions', '2026-01-01Z', '2026-11-18 23:00Z', true, null, 1, '2026-11-20 11:50Z'),
       (3, 'sessions', '2026-01-01Z', '2026-11-20 11:50Z', true, null, 1, '2026-11-20 11:50Z'),
       (4, 'sessions', '2026-11-01Z', '2026-11-10 10:00Z', true, null, 1, '2026-11-20 11:50Z'),
       (4, 'sessions', '2026-11-10 10:00Z', '2026-11-10 11:00Z', false, 'the list was cut', 3, '2026-11-20 11:50Z');

insert into core.sessions overriding system value
select session_id, started_at, started_at, null, completed_at, null, null, started_at, started_at, source_id, null, null,
       is_deleted, provider, session_kind, session_state, outcome, null, duration_seconds, provider_minutes,
       'id-' || session_id, null, channel, null, parent, null, '\x00', '\x00'
  from (values
    -- meetings: two on the 18th, one that is still running on the 19th; a breakout room and a deleted one never count
    (11, 1, 'realtimekit', timestamptz '2026-11-18 10:00Z', null::timestamptz, 'meeting', 'ended', 'not_applicable', null, 1800, 100.5, null, false),
    (12, 1, 'realtimekit', '2026-11-18 22:30Z', null, 'meeting', 'ended', 'not_applicable', null, 600, 40.25, null, false),
    (13, 1, 'realtimekit', '2026-11-18 23:30Z', null, 'meeting', 'live',  'not_applicable', null, null, null, null, false),
    (14, 1, 'realtimekit', '2026-11-18 10:10Z', null, 'meeting', 'ended', 'not_applicable', null, 60, 999, 'id-11', false),
    (15, 1, 'realtimekit', '2026-11-18 10:20Z', null, 'meeting', 'ended', 'not_applicable', null, 60, 777, null, true),
    -- avatars: two on the 18th, one on the 19th that is not proven yet; one of a removed account
    (21, 2, 'konpro', '2026-11-18 09:00Z', null, 'avatar', 'ended', 'not_applicable', null, 150, 2.5, null, false),
    (22, 2, 'konpro', '2026-11-18 09:30Z', null, 'avatar', 'ended', 'not_applicable', null, 6, 0.1, null, false),
    (23, 2, 'konpro', '2026-11-19 08:00Z', null, 'avatar', 'ended', 'not_applicable', null, 180, 3, null, false),
    (51, 5, 'konpro', '2026-11-18 09:00Z', null, 'avatar', 'ended', 'not_applicable', null, 600, 10, null, false),
    -- chats: completed on the 18th are two resolved, one unresolved, one unknown
    (31, 3, 'konvo', '2026-11-17 12:00Z', '2026-11-18 12:00Z', 'chat', 'ended', 'resolved',   'whatsapp', 600, null, null, false),
    (32, 3, 'konvo', '2026-11-18 12:00Z', '2026-11-18 13:00Z', 'chat', 'ended', 'resolved',   'webchat',  300, null, null, false),
    (33, 3, 'konvo', '2026-11-18 12:30Z', '2026-11-18 13:30Z', 'chat', 'ended', 'unresolved', 'whatsapp', 420, null, null, false),
    (34, 3, 'konvo', '2026-11-18 14:00Z', '2026-11-18 14:30Z', 'chat', 'unknown', 'unknown',  null,        60, null, null, false),
    (35, 3, 'konvo', '2026-11-18 15:00Z', null,                'chat', 'open',  'open',       'whatsapp', 120, null, null, false)
  ) v (session_id, source_id, provider, started_at, completed_at, session_kind, session_state, outcome, channel,
       duration_seconds, provider_minutes, parent, is_deleted);

insert into core.messages (source_id, session_id, sent_at, position, char_count, word_count, sender_role, provider_message_id, body)
values (3, 32, '2026-11-18 12:01Z', 0, 5, 1, 'user',      'm0', 'Hello'),
       (3, 32, '2026-11-18 12:02Z', 1, 2, 1, 'assistant', 'm1', 'Hi'),
       (3, 32, '2026-11-18 12:03Z', 2, null, null, 'user', 'm2', null),
       (3, 33, '2026-11-18 12:31Z', 0, 4, 1, 'user',      'm0', 'Help'),
       (3, 33, '2026-11-18 12:32Z', 1, 2, 1, 'assistant', 'm1', 'No');
insert into core.session_stats (session_id, source_id, message_count, user_message_count, assistant_message_count,
                                user_word_count, assistant_word_count, first_response_seconds, active_seconds)
values (31, 3, 0, 0, 0, 0, 0, null, 0), (32, 3, 3, 2, 1, 1, 1, 60, 120), (33, 3, 2, 1, 1, 1, 1, 60, 60),
       (35, 3, 0, 0, 0, 0, 0, null, 0);
