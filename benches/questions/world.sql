-- A year and more of three sources, each proven complete up to the present: {sessions} sessions, a third of them of
-- each source, those of chats with people, counters and messages that have a text.
--
-- More by day than by night, ordered by time as by polls. The rows that a row refers to exist by construction,
-- so they are not looked up again for each.
set session_replication_role = replica;

insert into core.sources (source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support, history_from,
                          schedule, session_kinds, is_enabled, pseudonym_slug)
values ('konpro', 'konpro', 'a', 'session_time', false, 'none', '2025-01-01Z', '0 */5 * * * *', '{avatar}', true, 'konpro'),
       ('konvo', 'konvo', 'b', null, true, 'inline', '2025-01-01Z', '0 */5 * * * *', '{chat}', true, 'konvo'),
       ('rtk', 'realtimekit', 'c', 'participant_time', false, 'not_fetched', '2025-01-01Z', '0 */5 * * * *',
        '{meeting,livestream}', true, 'rtk');
insert into ingest.streams (source_id, stream) select source_id, 'sessions' from core.sources;
with run as (
  insert into ingest.runs (source_id, stream, started_at, heartbeat_at, finished_at, verdict, inserted_count)
  select source_id, 'sessions', '2026-11-20 11:59Z', '2026-11-20 12:00Z', '2026-11-20 12:00Z', 'complete', 1
    from core.sources
  returning source_id, run_id
)
insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, run_id, checked_at)
select source_id, 'sessions', '2025-01-01Z', '2026-11-20 12:00Z', true, run_id, '2026-11-20 12:00Z' from run;

insert into core.sessions (created_at, started_at, ended_at, completed_at, last_activity_at, first_seen_at,
                           last_changed_at, source_id, provider, session_kind, session_state, outcome, duration_seconds,
                           provider_minutes, provider_session_id, channel, person_id, row_hash, raw_hash)
select at, at, case when not is_open then at + length end, case when p = 1 and not is_open then at + length end,
       at + length, at, at, s.source_id, s.provider, s.session_kinds[1], case when is_open then 'open' else 'ended' end,
       case when p <> 1 then 'not_applicable' when is_open then 'open' when n % 10 < 2 then 'unresolved' else 'resolved' end,
       seconds, case when p <> 1 then round(seconds / 60, 4) end, 'id-' || n,
       case when p = 1 then (array['whatsapp', 'webchat', 'email', 'voice'])[1 + n % 4] end,
       -- a person comes about eight times, and one chat in eleven has no person
       case when p = 1 and n % 11 > 0 then 'person-' || (n * 7919) % ({sessions} / 24 + 1) end, '\x00', '\x00'
  from (select n, n % 3 as p, n % 3 = 1 and n % 50 = 0 as is_open, (30 + (n * 7919) % 1800)::numeric as seconds,
               timestamptz '2025-10-16 12:00Z' + interval '400 days' * (n::float8 / {sessions})
                 - interval '1 hour' * sin(n::float8) as at
          from generate_series(1::bigint, {sessions} - {sessions} / 1000) n) g
 cross join lateral (select make_interval(secs => seconds::float8) as length) l
  join (select source_id, provider, session_kinds, row_number() over (order by provider) - 1 as place from core.sources) s
    on s.place = p;

insert into core.people (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
select source_id, person_id, 'contact', min(started_at), min(started_at)
  from core.sessions where person_id is not null group by 1, 2;

-- two to eight messages of a chat, in turns
insert into core.messages (session_id, sent_at, source_id, position, char_count, word_count, sender_role,
                           provider_message_id, body)
select s.session_id, s.started_at + i * interval '9 seconds', s.source_id, i, 84, 14,
       case i % 2 when 0 then 'user' else 'assistant' end, 'm' || i,
       'There are quite a few words in what this says, so that to read it all takes its time'
  from core.sessions s
 cross join generate_series(0, (1 + 2 * (s.session_id % 4))::int) i
 where s.session_kind = 'chat';

insert into core.session_stats (session_id, source_id, message_count, user_message_count, assistant_message_count,
                                user_word_count, assistant_word_count, first_response_seconds, last_message_at,
                                turn_count, is_unanswered, last_sender_role, active_seconds, reply_seconds)
select s.session_id, s.source_id, 2 * turns, turns, turns, 14 * turns, 14 * turns,
       round((s.session_id * 31 % 9000)::numeric / 1000, 3), s.started_at + (2 * turns - 1) * interval '9 seconds',
       turns, false, 'assistant', (2 * turns - 1) * 9, array_fill(9::numeric, array[turns])
  from core.sessions s
 cross join lateral (select (1 + s.session_id % 4)::int as turns) t
 where s.session_kind = 'chat';

-- a metered minute, and a resolved chat
insert into core.rate_cards (valid_from, recorded_at, unit_price, source_id, scenario, unit, currency, preset_pattern, rounding)
select '2025-01-01Z', '2025-01-01Z', case provider when 'konpro' then 0.1 when 'konvo' then 0.9 else 0.002 end, source_id,
       'actual', case provider when 'konvo' then 'resolution' else 'minute' end, 'EUR', '*', 'none'
  from core.sources;
