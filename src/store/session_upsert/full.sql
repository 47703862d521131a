-- One batch of sessions of one source. $25: time of the request.
insert into core.sessions as s (
    source_id, provider_session_id, session_kind, provider_status, session_state, outcome,
    is_flagged_unresolved, channel, person_id, parent_provider_session_id, group_key, created_at,
    started_at, ended_at, ended_at_source, completed_at, last_activity_at, duration_seconds,
    provider_minutes, max_concurrent_participants, provider_updated_at, row_hash, raw_hash, provider,
    first_seen_at, last_changed_at, fetched_at, mapping_version)
select $1, x.*, src.provider, $23, $23, $25, $26
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[],
              $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[],
              $14::timestamptz[], $15::text[], $16::timestamptz[], $17::timestamptz[], $18::numeric[],
              $19::numeric[], $20::int[], $21::timestamptz[], $22::bytea[], $24::bytea[]) x
  join core.sources src on src.source_id = $1
on conflict (source_id, provider_session_id) do update set
    row_hash = excluded.row_hash,
    raw_hash = excluded.raw_hash,
    last_changed_at = excluded.last_changed_at,
    fetched_at = excluded.fetched_at,
    mapping_version = excluded.mapping_version,
    provider_status = excluded.provider_status,
    session_state = excluded.session_state,
    outcome = excluded.outcome,
    is_flagged_unresolved = excluded.is_flagged_unresolved,
    channel = excluded.channel,
    person_id = excluded.person_id,
    parent_provider_session_id = excluded.parent_provider_session_id,
    group_key = excluded.group_key,
    last_activity_at = excluded.last_activity_at,
    provider_minutes = excluded.provider_minutes,
    max_concurrent_participants = excluded.max_concurrent_participants,
    completed_at = excluded.completed_at,
    ended_at = excluded.ended_at,
    ended_at_source = excluded.ended_at_source,
    duration_seconds = excluded.duration_seconds,
    session_kind = excluded.session_kind,
    created_at = excluded.created_at,
    started_at = excluded.started_at,
    provider_updated_at = excluded.provider_updated_at
returning s.provider_session_id, s.session_id
