-- Stores the decisions about the tasks of a batch. No source_id is a constant: without statistics, the planner would
-- read all tasks of the source instead of looking each up. Tasks that wait for participants become ready once these
-- are known or given up.
with settled as (
     update ingest.artifact_tasks t
        set state = d.state, reason = d.reason, detail = d.detail, owed_since = d.owed_since,
            agreed_since = d.agreed_since, tries = d.tries,
            -- a session that ended meanwhile has already made its task due again: keep that
            next_try_at = case when t.ended_at is distinct from d.ended_at then t.next_try_at else d.next_try_at end,
            is_ready = not t.is_waiting
                       and coalesce(case when t.ended_at is distinct from d.ended_at then t.next_try_at
                                         else d.next_try_at end <= d.decided_at, false),
            settled_at = case when t.ended_at is not distinct from d.ended_at and d.next_try_at is null
                              then d.decided_at end,
            content_at = case when d.content_hash is null then t.content_at else d.decided_at end,
            content_hash = coalesce(d.content_hash, t.content_hash), claim_token = null, claimed_until = null
       from unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                   $8::bytea[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::int[])
            d(source_id, session_id, stream, state, next_try_at, reason, detail, content_hash, decided_at, ended_at,
              owed_since, agreed_since, tries)
      where t.source_id = d.source_id and t.session_id = d.session_id and t.stream = d.stream
  returning t.source_id, t.session_id, t.stream, t.state, t.next_try_at, d.decided_at)
update ingest.artifact_tasks w
   set is_waiting = false, is_ready = coalesce(w.next_try_at <= p.decided_at, false)
  from settled p
 where p.stream = 'participants' and (p.state in ('available', 'empty') or p.next_try_at is null)
   and w.source_id = p.source_id and w.session_id = p.session_id and w.is_waiting
