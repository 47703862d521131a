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
       coalesce(given_up.states, '{}') as "given_up_states!",
       coalesce(given_up.classes, '{}') as "given_up_classes!",
       coalesce(given_up.counts, '{}') as "given_up_counts!",
       (select count(*) from ingest.rejects r
         where r.source_id = src.source_id and r.stream = wanted.stream and r.resolved_at is null) as "open_reject_count!",
       run.run_id as "run_id?",
       run.started_at::timestamptz as "run_started_at?",
       run.heartbeat_at::timestamptz as "run_heartbeat_at?",
       run.finished_at::timestamptz as "run_finished_at?",
       run.verdict as "run_verdict?",
       run.error_class as "error_class?",
       run.error_detail as "error_detail?",
       run.page_count as "run_page_count?",
       run.record_count as "run_record_count?",
       success.finished_at::timestamptz as "last_success_at?"
  from core.sources src
 cross join lateral unnest(src.session_streams) with ordinality as wanted(stream, place)
  left join ingest.controls control on control.source_id = src.source_id and control.stream = wanted.stream
 cross join lateral (
       select count(*) filter (where t.state = 'pending') as pending_count,
              count(*) filter (where t.state = 'available') as available_count,
              count(*) filter (where t.state = 'empty') as empty_count,
              count(*) filter (where t.state = 'not_enabled') as not_enabled_count,
              count(*) filter (where t.state = 'expired') as expired_count,
              count(*) filter (where t.state = 'failed') as failed_count,
              count(*) filter (where t.state = 'pending'
                                 and t.reason <> all ('{not_found,no_link,link_dead,zero_bytes}')) as troubled_count,
              count(*) filter (where t.next_try_at <= $1) as due_count,
              min(t.next_try_at) filter (where t.next_try_at <= $1) as oldest_due_at,
              min(t.next_try_at) as next_try_at,
              count(*) filter (where t.last_attempt_at >= $2) as tried_count,
              count(*) filter (where t.last_attempt_at >= $2 and t.next_try_at is null
                                 and (t.state = 'failed' or (t.state = 'available' and t.reason = 'incomplete'))) as lost_count
         from ingest.artifact_tasks t
        -- the predicate of the index
        where t.source_id = src.source_id and t.stream = wanted.stream and t.state is not null) counts
  left join lateral (
       select array_agg(class order by n desc, class) as classes, array_agg(n order by n desc, class) as counts,
              min(next_try_at) as next_try_at
         from (select coalesce(t.reason, 'unknown') as class, count(*) as n, min(t.next_try_at) as next_try_at
                 from ingest.artifact_tasks t
                where t.source_id = src.source_id and t.stream = wanted.stream and t.owed_since is not null
                group by t.reason) by_class) owed on true
  left join lateral (
       select array_agg(state order by n desc, state, class) as states,
              array_agg(class order by n desc, state, class) as classes, array_agg(n order by n desc, state, class) as counts
         from (select t.state, coalesce(t.reason, 'unknown') as class, count(*) as n
                 from ingest.artifact_tasks t
                where t.source_id = src.source_id and t.stream = wanted.stream and t.state is not null and t.next_try_at is null
                  and (t.state in ('failed', 'expired') or (t.state = 'empty' and t.reason = 'zero_bytes')
                       or (t.state = 'available' and t.reason = 'incomplete'))
                group by t.state, t.reason) by_state) given_up on true
  left join lateral (
       select r.* from ingest.runs r
        where r.source_id = src.source_id and r.stream = wanted.stream
        order by r.run_id desc limit 1) run on true
  left join lateral (
       select r.finished_at from ingest.runs r
        where r.source_id = src.source_id and r.stream = wanted.stream and r.verdict = 'complete'
        order by r.run_id desc limit 1) success on true
 order by src.source_slug, wanted.place
