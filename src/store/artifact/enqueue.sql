insert into ingest.artifact_tasks as t (source_id, session_id, provider_session_id, stream, ended_at, expires_at,
                                        next_try_at, is_waiting, is_ready)
select s.source_id, s.session_id, s.provider_session_id, k.stream, over.at, over.at + make_interval(secs => k.retention),
       due.at, k.per_participant, not k.per_participant and due.at <= $7
  from core.sessions s
 cross join lateral (
       -- where no end is stated, it is taken from the record that says the session has ended; none is in the future
       select case when s.session_state = 'live' then null
                   else least(coalesce(s.ended_at,
                                       case when s.session_state = 'ended'
                                            then coalesce(s.provider_updated_at, s.created_at) end),
                              case when coalesce(s.ended_at, s.provider_updated_at) > $7 then $7 end)
                   end::timestamptz as at) over
 cross join unnest($3::text[], $4::float8[], $5::float8[], $6::bool[], $8::bool[])
            k(stream, first_try, retention, while_live, per_participant)
 cross join lateral (
       select case when over.at is null then $7::timestamptz
                   -- an old session is due since it is known, not since it ended
                   else greatest(over.at + make_interval(secs => k.first_try), $7::timestamptz) end as at) due
 where s.source_id = $1 and s.session_id = any($2) and not s.is_deleted_at_provider
   and (over.at is not null or (k.while_live and s.session_state = 'live'))
 order by s.session_id, k.stream
    on conflict (source_id, session_id, stream) do update
   set ended_at = excluded.ended_at, expires_at = excluded.expires_at, next_try_at = excluded.next_try_at,
       state = case when t.state in ('available', 'empty') then t.state else 'pending' end, settled_at = null,
       owed_since = null, agreed_since = null, tries = 0,
       is_waiting = excluded.is_waiting, is_ready = excluded.is_ready and t.claimed_until is null
 where t.ended_at is distinct from excluded.ended_at
