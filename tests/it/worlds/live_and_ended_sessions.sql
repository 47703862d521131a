-- A meeting that ended, one that runs, and a chat, at sources that are registered.
insert into core.sessions (source_id, session_id, created_at, started_at, ended_at, first_seen_at, last_changed_at,
                           provider, session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash)
select src.source_id, v.session_id, '2026-03-10 09:00Z', '2026-03-10 09:00Z', v.ended_at, '2026-03-10 11:00Z',
       '2026-03-10 11:00Z', src.provider, v.session_kind, v.session_state, 'not_applicable', v.provider_session_id, '', ''
  from (values ('rtk',   11, timestamptz '2026-03-10 10:00Z', 'meeting', 'ended', 'meeting/1'),
               ('rtk',   12, null,                            'meeting', 'live',  'meeting/2'),
               ('konvo', 31, '2026-03-10 10:00Z',             'chat',    'ended', 'chat-1'))
       v (source_slug, session_id, ended_at, session_kind, session_state, provider_session_id)
  join core.sources src using (source_slug);
