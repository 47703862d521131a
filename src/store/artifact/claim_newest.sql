with due as (
     select t.session_id, t.stream
       from ingest.artifact_tasks t
      where t.source_id = $1 and t.next_try_at <= $2 and t.stream = any($3)
        and (t.claimed_until is null or t.claimed_until <= now())
        -- what is asked for by participant waits until they are known, or nobody will ask for them any more
        and (t.stream <> all($4)
             or not exists (select from ingest.artifact_tasks p
                             where p.source_id = t.source_id and p.session_id = t.session_id
                               and p.stream = 'participants' and p.state = 'pending' and p.next_try_at is not null))
      -- a session that runs has no end yet and comes first
      order by t.ended_at desc, t.session_id desc
      limit $5
        for update of t skip locked)
update ingest.artifact_tasks t
   set claim_token = gen_random_uuid(), claimed_until = now() + make_interval(secs => $6), attempts = t.attempts + 1,
       first_attempt_at = coalesce(t.first_attempt_at, $2), last_attempt_at = $2
  from due, core.sessions s
 where t.source_id = $1 and t.session_id = due.session_id and t.stream = due.stream
   and s.source_id = $1 and s.session_id = due.session_id
returning t.session_id, t.stream, s.provider_session_id, s.started_at::timestamptz as "started_at!",
          t.ended_at::timestamptz as "ended_at?", t.expires_at::timestamptz as "expires_at?",
          t.first_attempt_at::timestamptz as "first_attempt_at!", t.attempts, t.state, t.claim_token as "token!",
          t.content_hash
