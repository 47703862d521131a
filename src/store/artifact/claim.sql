-- Each scan follows an index in its order and ends at a limit, so that a claim costs the same with any backlog. Found
-- rows are joined by their own source_id and not by $1, because with $1 the planner may read the whole source. $4:
-- places of each stream; $5: tasks that expire by then go first; $8: tasks found due at once.
with wanted as (
     select w.stream, w.places
       from unnest($3::text[], $4::bigint[]) w(stream, places)
      -- not for streams that an operator paused
      where not exists (select from ingest.controls c
                         where c.source_id = $1 and c.stream = w.stream and c.paused_at is not null)),
found as (
     select wanted.stream, wanted.places, one.*
       from wanted
      cross join lateral (
             select expiring.*
               from (select t.source_id, t.session_id, t.ended_at, t.expires_at, false as is_found_due
                       from ingest.artifact_tasks t
                      where t.source_id = $1 and t.stream = wanted.stream and t.is_ready and t.next_try_at <= $2
                        and t.expires_at > $2 and t.expires_at <= $5
                      order by t.expires_at, t.session_id
                      limit wanted.places
                        for update skip locked) expiring
              union
             -- a running session has no end yet and comes first
             select newest.*
               from (select t.source_id, t.session_id, t.ended_at, t.expires_at, false
                       from ingest.artifact_tasks t
                      where t.source_id = $1 and t.stream = wanted.stream and t.is_ready and t.next_try_at <= $2
                      order by t.ended_at desc, t.session_id desc
                      limit wanted.places
                        for update skip locked) newest
              union
             select came_due.*
               from (select t.source_id, t.session_id, t.ended_at, t.expires_at, true
                       from ingest.artifact_tasks t
                      where t.source_id = $1 and t.stream = wanted.stream and t.next_try_at <= $2
                        and t.claimed_until is null and not t.is_ready and not t.is_waiting
                      order by t.next_try_at
                      limit $8
                        for update skip locked) came_due
              union
             select lapsed.*
               from (select t.source_id, t.session_id, t.ended_at, t.expires_at, true
                       from ingest.artifact_tasks t
                      where t.source_id = $1 and t.stream = wanted.stream and t.claimed_until <= now()
                        and t.next_try_at <= $2
                      order by t.claimed_until
                      limit $8
                        for update skip locked) lapsed) one),
ranked as (
     select f.*, row_number() over (partition by f.stream
                                        order by case when f.expires_at > $2 and f.expires_at <= $5
                                                      then f.expires_at end,
                                                 f.ended_at desc, f.session_id desc) as place
       from found f),
chosen as (
     select r.source_id, r.session_id, r.stream, s.provider_session_id, s.started_at, s.session_id is null as is_orphan,
            r.place <= r.places and s.session_id is not null as is_taken,
            -- a function that depends on time is not allowed in a conditional of an update of a distributed table
            now() + make_interval(secs => $6) as until, $2 + interval '1 day' as orphan_until
       from ranked r
       left join core.sessions s on s.source_id = r.source_id and s.session_id = r.session_id
      where r.is_found_due or r.place <= r.places)
update ingest.artifact_tasks t
   set is_ready = not c.is_taken and not c.is_orphan,
       claim_token = case when c.is_taken then $7::uuid end,
       claimed_until = case when c.is_taken then c.until end,
       attempts = t.attempts + c.is_taken::int,
       first_attempt_at = case when c.is_taken then coalesce(t.first_attempt_at, $2) else t.first_attempt_at end,
       last_attempt_at = case when c.is_taken then $2 else t.last_attempt_at end,
       -- its session was removed, and gets its tasks again if it comes back
       next_try_at = case when c.is_orphan then c.orphan_until else t.next_try_at end
  from chosen c
 where t.source_id = c.source_id and t.session_id = c.session_id and t.stream = c.stream
returning t.session_id, t.stream, c.is_taken as "is_taken!", c.provider_session_id as "provider_session_id?",
          c.started_at::timestamptz as "started_at?", t.ended_at::timestamptz as "ended_at?",
          t.requested_at::timestamptz as "requested_at?", t.expires_at::timestamptz as "expires_at?",
          t.first_attempt_at::timestamptz as "first_attempt_at?", t.attempts, t.state, t.content_hash,
          t.reason, t.next_try_at::timestamptz as "due_at?", t.owed_since::timestamptz as "owed_since?",
          t.agreed_since::timestamptz as "agreed_since?", t.tries
