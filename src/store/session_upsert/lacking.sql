-- The same of records that lack a usual field, without which an ended session may look like a running one.
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
    -- from here on a partial record adds its values, as Session::followed_by does: unknown does not replace known
    provider_status = coalesce(excluded.provider_status, s.provider_status),
    session_state = case when excluded.session_state = 'unknown' then s.session_state
                         when excluded.session_state = 'live' and s.session_state = 'ended' then s.session_state
                         else excluded.session_state end,
    outcome = case when excluded.outcome in ('unknown', 'not_applicable') then s.outcome
                   else excluded.outcome end,
    is_flagged_unresolved = coalesce(excluded.is_flagged_unresolved, s.is_flagged_unresolved),
    channel = coalesce(excluded.channel, s.channel),
    person_id = coalesce(excluded.person_id, s.person_id),
    parent_provider_session_id = coalesce(excluded.parent_provider_session_id, s.parent_provider_session_id),
    group_key = coalesce(excluded.group_key, s.group_key),
    last_activity_at = greatest(excluded.last_activity_at, s.last_activity_at),
    provider_minutes = coalesce(excluded.provider_minutes, s.provider_minutes),
    max_concurrent_participants = coalesce(excluded.max_concurrent_participants, s.max_concurrent_participants),
    -- an end and its duration go together, and an open session has none
    completed_at = case when excluded.session_state = 'open' then excluded.completed_at
                        else coalesce(excluded.completed_at, s.completed_at) end,
    ended_at = case when excluded.session_state = 'open' then excluded.ended_at
                    else coalesce(excluded.ended_at, s.ended_at) end,
    ended_at_source = case when excluded.session_state = 'open' or excluded.ended_at is not null
                           then excluded.ended_at_source else s.ended_at_source end,
    duration_seconds = case when excluded.session_state = 'open' or excluded.ended_at is not null
                            then excluded.duration_seconds
                            else coalesce(s.duration_seconds, excluded.duration_seconds) end,
    provider_updated_at = coalesce(excluded.provider_updated_at, s.provider_updated_at)
returning s.provider_session_id, s.session_id
