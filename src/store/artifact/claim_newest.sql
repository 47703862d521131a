-- Stream by stream, so that what is due of streams that are not asked for is not read.
with due as (
     select first_ones.session_id, first_ones.stream
       from unnest($3::text[]) wanted(stream)
      cross join lateral (
             select t.session_id, t.stream, t.ended_at
               from ingest.artifact_tasks t
              where t.source_id = $1 and t.stream = wanted.stream and t.next_try_at <= $2
                and (t.claimed_until is null or t.claimed_until <= now())
                -- an operator paused it
                and not exists (select from ingest.controls c
                                 where c.source_id = t.source_id and c.stream = t.stream and c.paused_at is not null)
                -- what is asked for by participant waits until they are known, or are given up; being late is no
                -- reason to ask for nobody
                and (t.stream <> all($4)
                     or coalesce((select p.state in ('available', 'empty') or p.next_try_at is null
                                    from ingest.artifact_tasks p
                                   where p.source_id = t.source_id and p.session_id = t.session_id
                                     and p.stream = 'participants'), t.expires_at <= $2))
              -- a session that runs has no end yet and comes first
              order by t.ended_at desc, t.session_id desc
              limit $5
                for update of t skip locked) first_ones
      -- where nothing is due, what waits for its time is not walked through
      where exists (select from ingest.artifact_tasks d
                     where d.source_id = $1 and d.stream = wanted.stream and d.next_try_at <= $2)
      order by first_ones.ended_at desc, first_ones.session_id desc
      limit $5)
update ingest.artifact_tasks t
   set claim_token = gen_random_uuid(), claimed_until = now() + make_interval(secs => $6), attempts = t.attempts + 1,
       first_attempt_at = coalesce(t.first_attempt_at, $2), last_attempt_at = $2
  from due, core.sessions s
 where t.source_id = $1 and t.session_id = due.session_id and t.stream = due.stream
   and s.source_id = $1 and s.session_id = due.session_id
returning t.session_id, t.stream, s.provider_session_id, s.started_at::timestamptz as "started_at!",
          t.ended_at::timestamptz as "ended_at?", t.requested_at::timestamptz as "requested_at?", t.expires_at::timestamptz as "expires_at?",
          t.first_attempt_at::timestamptz as "first_attempt_at!", t.attempts, t.state, t.claim_token as "token!",
          t.content_hash, t.reason, t.next_try_at::timestamptz as "due_at!", t.owed_since::timestamptz as "owed_since?",
          t.agreed_since::timestamptz as "agreed_since?", t.tries
