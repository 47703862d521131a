-- One batch of sessions of one source. $25: the records name only part of their sessions; $26: time of the request;
-- $28: the records lack a usual field, without which an ended session may look like a running one.
insert into core.sessions as s (
    source_id, provider_session_id, session_kind, provider_status, session_state, outcome,
    is_flagged_unresolved, channel, person_id, parent_provider_session_id, group_key, created_at,
    started_at, ended_at, ended_at_source, completed_at, last_activity_at, duration_seconds,
    provider_minutes, max_concurrent_participants, provider_updated_at, row_hash, raw_hash, provider,
    first_seen_at, last_changed_at, fetched_at, mapping_version)
select $1, x.*, src.provider, $23, $23, $26, $27
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
    provider_status = case when $25 then coalesce(excluded.provider_status, s.provider_status)
                           else excluded.provider_status end,
    session_state = case when $25 and excluded.session_state = 'unknown' then s.session_state
                         when $28 and excluded.session_state = 'live' and s.session_state = 'ended' then s.session_state
                         else excluded.session_state end,
    outcome = case when $25 and excluded.outcome in ('unknown', 'not_applicable') then s.outcome
                   else excluded.outcome end,
    is_flagged_unresolved = case when $25 then coalesce(excluded.is_flagged_unresolved, s.is_flagged_unresolved)
                                 else excluded.is_flagged_unresolved end,
    channel = case when $25 then coalesce(excluded.channel, s.channel) else excluded.channel end,
    person_id = case when $25 then coalesce(excluded.person_id, s.person_id) else excluded.person_id end,
    parent_provider_session_id = case when $25 then coalesce(excluded.parent_provider_session_id,
                                                             s.parent_provider_session_id)
                                      else excluded.parent_provider_session_id end,
    group_key = case when $25 then coalesce(excluded.group_key, s.group_key) else excluded.group_key end,
    last_activity_at = case when $25 then greatest(excluded.last_activity_at, s.last_activity_at)
                            else excluded.last_activity_at end,
    provider_minutes = case when $25 then coalesce(excluded.provider_minutes, s.provider_minutes)
                            else excluded.provider_minutes end,
    max_concurrent_participants = case when $25 then coalesce(excluded.max_concurrent_participants,
                                                              s.max_concurrent_participants)
                                       else excluded.max_concurrent_participants end,
    -- an end and its duration go together, and an open session has none
    completed_at = case when not $25 or excluded.session_state = 'open' then excluded.completed_at
                        else coalesce(excluded.completed_at, s.completed_at) end,
    ended_at = case when not $25 or excluded.session_state = 'open' then excluded.ended_at
                    else coalesce(excluded.ended_at, s.ended_at) end,
    ended_at_source = case when not $25 or excluded.session_state = 'open' or excluded.ended_at is not null
                           then excluded.ended_at_source else s.ended_at_source end,
    duration_seconds = case when not $25 or excluded.session_state = 'open' or excluded.ended_at is not null
                            then excluded.duration_seconds
                            else coalesce(s.duration_seconds, excluded.duration_seconds) end,
    session_kind = case when $25 then s.session_kind else excluded.session_kind end,
    created_at = case when $25 then s.created_at else excluded.created_at end,
    started_at = case when $25 then s.started_at else excluded.started_at end,
    provider_updated_at = case when $25 then coalesce(excluded.provider_updated_at, s.provider_updated_at)
                               else excluded.provider_updated_at end
returning s.provider_session_id, s.session_id
