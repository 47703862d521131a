-- On top of api_world.sql and meetings_world.sql: chats of a separate account, small enough to count by hand. The
-- current time is 2026-11-20 12:00 UTC.
--
-- chat  person began           completed       outcome     messages (u: customer, a: assistant; words)
-- 81    anna   2nd 10:00       3rd 10:00       resolved    u 10:00:00 (3), a 10:00:20 (5), u 10:01:00 (2), u 10:01:30 (media), a 10:11 (4)
-- 82    anna   5th 09:00       5th 09:30       unresolved  u 09:00 (1), a 09:02 (1)
-- 83    bert   3rd 08:00       3rd 08:10       resolved    u 08:00 (1), a 08:00:10 (1)
-- 84    bert   12th 10:00      open since      open        u 10:00 (2), a 10:05 (2)
-- 85    cleo   19th 15:00      19th 16:00      resolved    u 15:00 (1)
-- 86    -      20th 11:00      open, 11:30     open        never fetched
-- 88    anna   4th, deleted at the provider: never counts
insert into core.sources (source_id, source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support,
                          history_from, schedule, session_kinds, is_enabled,
                          pseudonym_slug) overriding system value
values (8, 'konvo-lab', 'konvo', '', null, true, 'inline', '2026-01-01Z', '0 */5 * * * *', '{chat}', true, 'konvo-lab');
insert into ingest.streams (source_id, stream, last_attempt_at, last_success_at, last_verdict, consecutive_failures)
values (8, 'sessions', '2026-11-20 11:50Z', '2026-11-20 11:50Z', 'complete', 0);
insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, reason, run_id, checked_at)
values (8, 'sessions', '2026-01-01Z', '2026-11-20 11:50Z', true, null, 1, '2026-11-20 11:50Z');

insert into core.people (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
values (8, 'anna', 'contact', '2026-11-20Z', '2026-11-02 10:00Z'), (8, 'bert', 'contact', '2026-11-20Z', '2026-11-03 08:00Z'),
       (8, 'cleo', 'contact', '2026-11-20Z', '2026-11-19 15:00Z');
insert into core.sessions (session_id, created_at, started_at, ended_at, completed_at, last_activity_at, first_seen_at, last_changed_at,
                           source_id, is_deleted_at_provider, provider, session_kind, session_state, outcome, ended_at_source,
                           duration_seconds, provider_session_id, channel, person_id, row_hash, raw_hash)
overriding system value
select session_id, began, began, done, done, active, began, began, 8, session_id = 88, 'konvo', 'chat',
       case when done is null then 'open' else 'ended' end, outcome, case when done is not null then 'provider' end,
       extract(epoch from coalesce(done, active) - began), 'id-' || session_id, channel, person, '\x00', '\x00'
  from (values
    (81, timestamptz '2026-11-02 10:00Z', timestamptz '2026-11-03 10:00Z', timestamptz '2026-11-03 10:00Z', 'resolved', 'whatsapp', 'anna'),
    (82, '2026-11-05 09:00Z', '2026-11-05 09:30Z', '2026-11-05 09:30Z', 'unresolved', 'whatsapp', 'anna'),
    (83, '2026-11-03 08:00Z', '2026-11-03 08:10Z', '2026-11-03 08:10Z', 'resolved', 'webchat', 'bert'),
    (84, '2026-11-12 10:00Z', null, '2026-11-12 10:05Z', 'open', 'webchat', 'bert'),
    (85, '2026-11-19 15:00Z', '2026-11-19 16:00Z', '2026-11-19 16:00Z', 'resolved', 'whatsapp', 'cleo'),
    (86, '2026-11-20 11:00Z', null, '2026-11-20 11:30Z', 'open', null, null),
    (88, '2026-11-04 11:00Z', '2026-11-04 11:30Z', '2026-11-04 11:30Z', 'resolved', 'whatsapp', 'anna')
  ) v (session_id, began, done, active, outcome, channel, person);
insert into core.konvo_sessions (source_id, session_id, skill_type, trail_length)
values (8, 81, 'order', 2), (8, 82, 'order', 1), (8, 83, 'refund', 1), (8, 84, null, 3), (8, 85, null, null), (8, 86, null, null);
insert into core.trail_steps (source_id, session_id, step_number, step_type, step)
values (8, 81, 1, 'search', '{}'), (8, 81, 2, 'answer', '{}'), (8, 82, 1, 'answer', '{}'), (8, 83, 1, 'answer', '{}'),
       (8, 84, 1, 'search', '{}'), (8, 84, 2, 'search', '{}'), (8, 84, 3, 'handoff', '{}');
insert into core.messages (source_id, session_id, sent_at, position, char_count, word_count, sender_role, provider_message_id, body)
values (8, 81, '2026-11-02 10:00:00Z', 0, 9, 3, 'user', 'm0', 'a'), (8, 81, '2026-11-02 10:00:20Z', 1, 9, 5, 'assistant', 'm1', 'a'),
       (8, 81, '2026-11-02 10:01:00Z', 2, 9, 2, 'user', 'm2', 'a'), (8, 81, '2026-11-02 10:01:30Z', 3, null, null, 'user', 'm3', null),
       (8, 81, '2026-11-02 10:11:00Z', 4, 9, 4, 'assistant', 'm4', 'a'),
       (8, 82, '2026-11-05 09:00Z', 0, 9, 1, 'user', 'm0', 'a'), (8, 82, '2026-11-05 09:02Z', 1, 9, 1, 'assistant', 'm1', 'a'),
       (8, 83, '2026-11-03 08:00Z', 0, 9, 1, 'user', 'm0', 'a'), (8, 83, '2026-11-03 08:00:10Z', 1, 9, 1, 'assistant', 'm1', 'a'),
       (8, 84, '2026-11-12 10:00Z', 0, 9, 2, 'user', 'm0', 'a'), (8, 84, '2026-11-12 10:05Z', 1, 9, 2, 'assistant', 'm1', 'a'),
       (8, 85, '2026-11-19 15:00Z', 0, 9, 1, 'user', 'm0', 'a');
insert into core.session_stats (source_id, session_id, message_count, user_message_count, assistant_message_count, user_word_count,
                                assistant_word_count, first_response_seconds, turn_count, is_unanswered, last_sender_role,
                                last_message_at, active_seconds, reply_seconds)
values (8, 81, 5, 3, 2, 5, 9, 20, 2, false, 'assistant', '2026-11-02 10:11Z', 390, '{20,600}'),
       (8, 82, 2, 1, 1, 1, 1, 120, 1, false, 'assistant', '2026-11-05 09:02Z', 120, '{120}'),
       (8, 83, 2, 1, 1, 1, 1, 10, 1, false, 'assistant', '2026-11-03 08:00:10Z', 10, '{10}'),
       (8, 84, 2, 1, 1, 2, 2, 300, 1, false, 'assistant', '2026-11-12 10:05Z', 300, '{300}'),
       (8, 85, 1, 1, 0, 1, 0, null, 0, true, 'user', '2026-11-19 15:00Z', 0, '{}');

-- the participants of the meetings of meetings_world.sql, and their durations
update core.session_participation w
   set first_joined_at = v.first_at, attended_ms = v.attended, rejoined_person_count = v.rejoined
  from (values (61, timestamptz '2026-11-16 10:00Z', 6300000::bigint, 1), (62, '2026-11-16 10:45Z', 3900000, 0),
               (63, '2026-11-16 23:30Z', 3600000, 0), (64, '2026-11-17 09:00Z', null, 0), (66, null, 0, 0),
               (68, '2026-11-20 09:00Z', 3600000, 0)) v (session_id, first_at, attended, rejoined)
 where w.source_id = 6 and w.session_id = v.session_id;
update core.people set first_visit_at = '2026-11-16 10:00Z' where source_id = 6;

-- data quality: two records rejected on the 18th, one of them read since; an unknown value; a compared day; and
-- minutes of the meeting of the 16th that became known that day and two days later
insert into ingest.rejects (source_id, stream, content_hash, body, reason_code, json_pointer, detail, first_seen_at, run_id, resolved_at, last_seen_at)
values (8, 'sessions', '\x01', '\x00', 'x', '', 'x', '2026-11-18 09:00Z', 1, null, '2026-11-18 09:00Z'),
       (8, 'sessions', '\x02', '\x00', 'x', '', 'x', '2026-11-18 09:00Z', 1, '2026-11-18 10:00Z', '2026-11-18 09:00Z');
insert into ingest.oddities (source_id, stream, kind, path, value, record_count, first_seen_at, last_seen_at)
values (8, 'sessions', 'unknown_value', '/status', 'paused', 3, '2026-11-18 09:00Z', '2026-11-18 09:00Z'),
       (8, 'sessions', 'unknown_field', '/new', '', 9, '2026-11-18 09:00Z', '2026-11-18 09:00Z');
insert into ingest.reconciliations (source_id, stream, window_from, window_to, checked_at, state, provider_count, our_count_before, our_count,
                                    missing_count, healed_count, surplus_count, rejected_count, missing_ids, surplus_ids, backfill_id)
values (8, 'sessions', '2026-11-03Z', '2026-11-04Z', '2026-11-20Z', 'differs', 2, 1, 1, 1, 0, 0, 0, '{x}', '{}', 1),
       (8, 'sessions', '2026-11-05Z', '2026-11-06Z', '2026-11-20Z', 'match', 1, 1, 1, 0, 0, 0, 0, '{}', '{}', 1),
       (8, 'sessions', '2026-11-06Z', '2026-11-07Z', '2026-11-20Z', 'unverifiable', null, 0, 0, 0, 0, 0, 0, '{}', '{}', 1);
insert into ingest.session_changes (source_id, session_id, provider_session_id, field, old_value, new_value, changed_at, run_id)
values (6, 61, 'id-61', 'provider_minutes', null, '100', '2026-11-16 12:00Z', 1),
       (6, 61, 'id-61', 'provider_minutes', '100', '105.5', '2026-11-18 08:00Z', 1),
       (6, 61, 'id-61', 'channel', null, 'x', '2026-11-18 08:00Z', 1);
