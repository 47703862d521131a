with -- the tasks are counted once for all streams: an engine that distributes them joins no stream to its tasks
tasks as materialized (
    select t.source_id, t.stream, t.state, t.reason, count(*) as n, count(*) - count(t.next_try_at) as settled,
           count(*) filter (where t.next_try_at <= $1) as due,
           min(t.next_try_at) as next_try_at,
           count(*) filter (where t.last_attempt_at >= $2) as tried,
           count(*) filter (where t.last_attempt_at >= $2 and t.next_try_at is null) as tried_and_settled
      from ingest.artifact_tasks t
     -- the predicate of the index
     where t.state is not null
     group by t.source_id, t.stream, t.state, t.reason
), last_runs as materialized (
    select src.source_id, wanted.stream, r.started_at
      from core.sources src
     cross join lateral unnest(src.session_streams) wanted (stream)
     cross join lateral (
           select r.started_at from ingest.runs r
            where r.source_id = src.source_id and r.stream = wanted.stream
            order by r.run_id desc limit 1) r
), owed_tasks as materialized (
    select t.source_id, t.stream, coalesce(t.reason, 'unknown') as class, count(*) as n,
           min(t.next_try_at) as next_try_at, count(*) filter (where t.owed_since < r.started_at) as earlier
      from ingest.artifact_tasks t
      left join last_runs r on r.source_id = t.source_id and r.stream = t.stream
     where t.owed_since is not null
     group by t.source_id, t.stream, class
), expiring as materialized (
    select t.source_id, t.stream,
           count(*) filter (where t.expires_at <= $1::timestamptz + interval '1 hour') as in_an_hour,
           count(*) filter (where t.expires_at <= $1::timestamptz + interval '6 hours') as in_six_hours,
           count(*) filter (where t.expires_at <= $1::timestamptz + interval '1 day') as in_a_day,
           count(*) filter (where t.expires_at <= $1::timestamptz + interval '7 days') as in_seven_days
      from ingest.artifact_tasks t
     where t.is_ready and t.expires_at > $1::timestamptz
     group by t.source_id, t.stream
)
select src.source_slug as "source!",
       src.provider as "provider!",
       wanted.stream as "stream!",
       src.is_enabled as "is_enabled!",
       control.paused_at::timestamptz as "paused_at?",
       control.paused_by as "paused_by?",
       counts.pending_count as "pending_count!",
       counts.available_count as "available_count!",
       counts.empty_count as "empty_count!",
       counts.not_enabled_count as "not_enabled_count!",
       counts.expired_count as "expired_count!",
       counts.failed_count as "failed_count!",
       counts.troubled_count as "troubled_count!",
       counts.due_count as "due_count!",
       counts.oldest_due_at::timestamptz as "oldest_due_at?",
       counts.next_try_at::timestamptz as "next_try_at?",
       counts.tried_count as "tried_count!",
       counts.lost_count as "lost_count!",
       coalesce(owed.classes, '{}') as "owed_classes!",
       coalesce(owed.counts, '{}') as "owed_counts!",
       owed.next_try_at::timestamptz as "owed_next_try_at?",
       coalesce(counts.given_up_states, '{}') as "given_up_states!",
       coalesce(counts.given_up_classes, '{}') as "given_up_classes!",
       coalesce(counts.given_up_counts, '{}') as "given_up_counts!",
       (select count(*) from ingest.rejects r
         where r.source_id = src.source_id and r.stream = wanted.stream and r.resolved_at is null) as "open_reject_count!",
       (select count(*) from ingest.oddities o
         where o.source_id = src.source_id and o.stream = wanted.stream) as "drift_count!",
       undrained.task_count as "undrained_count!",
       src.stale_after_seconds as "stale_after_seconds!",
       coalesce(owed.earlier_fault_count, 0) as "earlier_owed_count!",
       list.last_success_at is null as "is_first_load!",
       run.run_id as "run_id?",
       run.started_at::timestamptz as "run_started_at?",
       run.heartbeat_at::timestamptz as "run_heartbeat_at?",
       run.finished_at::timestamptz as "run_finished_at?",
       ended.finished_at::timestamptz as "ended_at?",
       ended.verdict as "ended_verdict?",
       ended.error_class as "error_class?",
       ended.error_detail as "error_detail?",
       recent.failure_count as "failure_count!",
       recent.last_progress_at as "last_progress_at?",
       run.page_count as "run_page_count?",
       run.record_count as "run_record_count?",
       success.finished_at::timestamptz as "last_success_at?"
  from core.sources src
 cross join lateral unnest(src.session_streams) with ordinality as wanted(stream, place)
  left join ingest.controls control on control.source_id = src.source_id and control.stream = wanted.stream
 cross join lateral (
       select coalesce(sum(n) filter (where state = 'pending'), 0)::bigint as pending_count,
              coalesce(sum(n) filter (where state = 'available'), 0)::bigint as available_count,
              coalesce(sum(n) filter (where state = 'empty'), 0)::bigint as empty_count,
              coalesce(sum(n) filter (where state = 'not_enabled'), 0)::bigint as not_enabled_count,
              coalesce(sum(n) filter (where state = 'expired'), 0)::bigint as expired_count,
              coalesce(sum(n) filter (where state = 'failed'), 0)::bigint as failed_count,
              coalesce(sum(n) filter (where state = 'pending' and reason <> all ('{not_found,no_link,link_dead,zero_bytes}')), 0)::bigint
                as troubled_count,
              coalesce(sum(due), 0)::bigint as due_count,
              case when sum(due) > 0 then min(next_try_at) end as oldest_due_at,
              min(next_try_at) as next_try_at,
              coalesce(sum(tried), 0)::bigint as tried_count,
              coalesce(sum(tried_and_settled) filter (where is_lost), 0)::bigint as lost_count,
              array_agg(state order by settled desc, state, reason) filter (where is_given_up) as given_up_states,
              array_agg(coalesce(reason, 'unknown') order by settled desc, state, reason) filter (where is_given_up) as given_up_classes,
              array_agg(settled order by settled desc, state, reason) filter (where is_given_up) as given_up_counts
         from (select *,
                      state = 'failed' or (state = 'available' and reason = 'incomplete') as is_lost,
                      settled > 0 and (state in ('failed', 'expired') or (state = 'empty' and reason = 'zero_bytes')
                                       or (state = 'available' and reason = 'incomplete')) as is_given_up
                 from tasks t where t.source_id = src.source_id and t.stream = wanted.stream) by_state) counts
  left join lateral (
       select r.* from ingest.runs r
        where r.source_id = src.source_id and r.stream = wanted.stream
        order by r.run_id desc limit 1) run on true
  left join ingest.streams list on list.source_id = src.source_id and list.stream = 'sessions'
  left join lateral (
       select array_agg(class order by n desc, class) as classes, array_agg(n order by n desc, class) as counts,
              min(next_try_at) as next_try_at,
              -- owed before the current run began: what that run owes it may yet read
              coalesce(sum(earlier) filter (where class <> all ('{not_found,no_link,zero_bytes,rate_limited}')), 0)::bigint
                as earlier_fault_count
         from owed_tasks t where t.source_id = src.source_id and t.stream = wanted.stream) owed on true
  left join lateral (
       select r.* from ingest.runs r
        where r.source_id = src.source_id and r.stream = wanted.stream and r.finished_at is not null
        order by r.run_id desc limit 1) ended on true
  left join lateral (
       select r.run_id, r.finished_at from ingest.runs r
        where r.source_id = src.source_id and r.stream = wanted.stream and r.verdict = 'complete'
        order by r.run_id desc limit 1) success on true
 cross join lateral (
       select max(r.heartbeat_at::timestamptz) filter (where r.verdict = 'complete' or r.stored_count > 0) as last_progress_at,
              (count(*) filter (where r.verdict in ('failed', 'incomplete') and r.run_id > coalesce(success.run_id, 0)))::int
                as failure_count,
              -- tries an hour: over the last hour, or over the time of the last fifty runs
              coalesce(sum(r.page_count) filter (where r.started_at > $1::timestamptz - interval '1 hour'), 0) * 3600
                / case when count(*) < 50 then 3600
                       else least(3600, greatest(60, extract(epoch from $1::timestamptz - min(r.started_at)))) end as pace
         from (select n.run_id, n.started_at, n.heartbeat_at, n.verdict, n.page_count,
                      n.inserted_count + n.updated_count + n.unchanged_count as stored_count
                 from ingest.runs n
                where n.source_id = src.source_id and n.stream = wanted.stream
                order by n.run_id desc limit 50) r) recent
 -- of what expires within some time, all that is not read by then at that pace
 cross join lateral (
       select greatest(0, ceil(greatest(max(t.in_an_hour) - recent.pace, max(t.in_six_hours) - recent.pace * 6,
                                        max(t.in_a_day) - recent.pace * 24,
                                        max(t.in_seven_days) - recent.pace * 168)))::bigint as task_count
         from expiring t where t.source_id = src.source_id and t.stream = wanted.stream) undrained
 order by src.source_slug, wanted.place
