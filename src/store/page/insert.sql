-- The new sessions of a page, with their people, raw bytes, counters and steps. Except for people, no key of theirs
-- can be stored. Returns the stored people whose first visit is another one now.
with before as materialized (
    -- Citus runs one part after another, so that a later part would read what `people` writes
    select person_id, first_visit_at from core.people where source_id = $1 and person_id = any($3)
), people as (
    insert into core.people as k (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
    select $1, p.id, p.kind, $2, p.first_at from unnest($3::text[], $4::text[], $5::timestamptz[]) p(id, kind, first_at)
    on conflict (source_id, person_id) do update
       set first_seen_at = least(k.first_seen_at, excluded.first_seen_at),
           first_visit_at = least(k.first_visit_at, excluded.first_visit_at)
     where k.first_seen_at > excluded.first_seen_at
        or k.first_visit_at > excluded.first_visit_at or k.first_visit_at is null
    returning person_id, first_visit_at
), bytes as (
    insert into ingest.raw_records (source_id, stream, provider_record_id, content_hash, body, fetched_at,
                                    last_fetched_at, run_id, is_partial)
    select $1, $6, r.id, r.hash, r.body, $7, $7, $8, r.is_partial
      from unnest($9::text[], $10::bytea[], $11::bytea[], $12::bool[]) r(id, hash, body, is_partial)
), counters as (
    insert into core.session_stats (source_id, session_id, message_count, user_message_count, assistant_message_count,
           user_word_count, assistant_word_count, first_response_seconds, turn_count, is_unanswered, last_sender_role,
           last_message_at, active_seconds, reply_seconds, untimed_message_count)
    select $1, s.session_id, s.message_count, s.user_count, s.assistant_count, s.user_words, s.assistant_words,
           s.first_response, s.turns, s.is_unanswered, s.last_role, s.last_at, s.active, s.replies::numeric[],
           s.untimed
      from unnest($13::bigint[], $14::int[], $15::int[], $16::int[], $17::int[], $18::int[], $19::numeric[],
                  $20::int[], $21::bool[], $22::text[], $23::timestamptz[], $24::numeric[], $25::text[],
                  $54::int[])
           s (session_id, message_count, user_count, assistant_count, user_words, assistant_words, first_response,
              turns, is_unanswered, last_role, last_at, active, replies, untimed)
), steps as (
    insert into core.trail_steps (source_id, session_id, step_number, step_type, step)
    select $1, t.session_id, t.step_number, t.step_type, t.step::json
      from unnest($26::bigint[], $27::int[], $28::text[], $29::text[]) t(session_id, step_number, step_type, step)
), sessions as (
    insert into core.sessions (
        source_id, session_id, provider_session_id, session_kind, provider_status, session_state, outcome,
        is_flagged_unresolved, channel, person_id, parent_provider_session_id, group_key, created_at,
        started_at, ended_at, ended_at_source, completed_at, last_activity_at, duration_seconds,
        provider_minutes, max_concurrent_participants, provider_updated_at, row_hash, raw_hash, provider,
        first_seen_at, last_changed_at, fetched_at, mapping_version)
    select $1, x.*, (select src.provider from core.sources src where src.source_id = $1), $2, $2, $7, $30
      from unnest($31::bigint[], $32::text[], $33::text[], $34::text[], $35::text[], $36::text[], $37::boolean[],
                  $38::text[], $39::text[], $40::text[], $41::text[], $42::timestamptz[], $43::timestamptz[],
                  $44::timestamptz[], $45::text[], $46::timestamptz[], $47::timestamptz[], $48::numeric[],
                  $49::numeric[], $50::int[], $51::timestamptz[], $52::bytea[], $53::bytea[]) x
)
select before.person_id
  from people
  join before on before.person_id = people.person_id
 where before.first_visit_at is distinct from people.first_visit_at
