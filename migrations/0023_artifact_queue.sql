-- The artifact queue keeps each unsettled task in exactly one index of its own kind, so that a claim reads what it takes
-- and nothing else, however much is pending: ready (due and free), scheduled (free, due later or not yet found due),
-- claimed, or waiting for the participants of its session. A settled task stands in none of them.
alter table ingest.artifact_tasks
  add column is_ready boolean not null default false,    -- found due, free, and waiting for nothing
  add column is_waiting boolean not null default false;  -- the participants of its session are not known yet

update ingest.artifact_tasks t
   set is_waiting = w.is_waiting, is_ready = not w.is_waiting and t.claimed_until is null and t.next_try_at <= now()
  from (select q.source_id, q.session_id, q.stream,
               q.stream = 'quality'
               and exists (select from ingest.artifact_tasks p
                            where p.source_id = q.source_id and p.session_id = q.session_id
                              and p.stream = 'participants' and p.next_try_at is not null
                              and p.state not in ('available', 'empty')) as is_waiting
          from ingest.artifact_tasks q
         where q.next_try_at is not null) w
 where t.source_id = w.source_id and t.session_id = w.session_id and t.stream = w.stream
   and (w.is_waiting or (t.claimed_until is null and t.next_try_at <= now()));

drop index ingest.artifact_tasks_due;
drop index ingest.artifact_tasks_newest;
drop index ingest.artifact_tasks_expiring;
create index artifact_tasks_ready_newest on ingest.artifact_tasks (source_id, stream, ended_at desc, session_id desc)
  where is_ready;
create index artifact_tasks_ready_expiring on ingest.artifact_tasks (source_id, stream, expires_at, session_id)
  where is_ready and expires_at is not null;
create index artifact_tasks_scheduled on ingest.artifact_tasks (source_id, stream, next_try_at)
  where next_try_at is not null and claimed_until is null and not is_ready and not is_waiting;
create index artifact_tasks_claimed on ingest.artifact_tasks (source_id, stream, claimed_until)
  where claimed_until is not null;
-- Health counts states, from the index alone. The predicate holds for each row, and makes the index one for queries that
-- state it: before there are statistics, the planner would take an index on (source_id, stream) to look up single tasks.
drop index ingest.artifact_tasks_by_state;
create index artifact_tasks_by_state on ingest.artifact_tasks (source_id, stream, state)
  include (next_try_at, reason, last_attempt_at) where state is not null;
