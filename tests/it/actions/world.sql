-- Three sources; a meeting that ended, one that runs, and a chat.
insert into core.sources (source_id, source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support,
                          history_from, schedule, session_kinds, is_enabled)
values (1, 'rtk',    'realtimekit', '', 'participant_time', false, 'not_fetched', '2026-01-01Z', '0 */5 * * * *', '{meeting}', true),
       (2, 'konpro', 'konpro',      '', 'session_time',     false, 'none',        '2026-01-01Z', '0 */5 * * * *', '{avatar}', true),
       (3, 'konvo',  'konvo',       '', null,               true,  'inline',      '2026-01-01Z', '0 */5 * * * *', '{chat}', true);

insert into core.sessions (session_id, created_at, started_at, ended_at, first_seen_at, last_changed_at, source_id,
                           provider, session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash)
values (11, '2026-03-10 09:00Z', '2026-03-10 09:00Z', '2026-03-10 10:00Z', '2026-03-10 10:01Z', '2026-03-10 10:01Z', 1,
        'realtimekit', 'meeting', 'ended', 'not_applicable', 'meeting/1', '', ''),
       (12, '2026-03-10 11:00Z', '2026-03-10 11:00Z', null, '2026-03-10 11:01Z', '2026-03-10 11:01Z', 1,
        'realtimekit', 'meeting', 'live', 'not_applicable', 'meeting/2', '', ''),
       (31, '2026-03-10 09:00Z', '2026-03-10 09:00Z', '2026-03-10 10:00Z', '2026-03-10 10:01Z', '2026-03-10 10:01Z', 3,
        'konvo', 'chat', 'ended', 'resolved', 'chat-1', '', '');
