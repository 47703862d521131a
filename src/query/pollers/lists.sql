select src.source_slug as "source!",
       src.provider as "provider!",
       coalesce(st.stream, 'sessions') as "stream!",
       src.schedule as "schedule!",
       src.stale_after_seconds as "stale_after_seconds!",
       src.is_enabled as "is_enabled!",
       control.paused_at::timestamptz as "paused_at?",
       control.paused_by as "paused_by?",
       control.due_at::timestamptz as "due_at?",
       st.last_attempt_at::timestamptz as "last_attempt_at?",
       st.registered_at::timestamptz as "registered_at?",
       st.last_success_at::timestamptz as "last_success_at?",
       st.last_verdict as "last_verdict?",
       st.last_error_class as "last_error_class?",
       st.last_error_detail as "last_error_detail?",
       st.last_error_at::timestamptz as "last_error_at?",
       coalesce(st.consecutive_failures, 0) as "consecutive_failures!",
       st.parked_until::timestamptz as "parked_until?",
       st.provider_skew_seconds as "provider_skew_seconds?",
       st.poller_skew_seconds as "poller_skew_seconds?",
       st.lease_owner as "lease_owner?",
       st.lease_until::timestamptz as "lease_until?",
       fresh.complete_through as "complete_through?",
       fresh.state_as_of as "state_as_of?",
       coalesce(fresh.open_reject_count, 0) as "open_reject_count!",
       (select count(*) from ingest.oddities o
         where o.source_id = st.source_id and o.stream = st.stream) as "drift_count!",
       budget.call_count as "call_count?",
       run.run_id as "run_id?",
       run.started_at::timestamptz as "run_started_at?",
       run.heartbeat_at::timestamptz as "run_heartbeat_at?",
       run.page_count as "run_page_count?",
       run.record_count as "run_record_count?",
       progress.last_page_at::timestamptz as "last_page_at?",
       ended.run_id as "ended_run_id?",
       ended.rejected_count as "ended_rejected_count?",
       ended.record_count as "ended_record_count?",
       gaps.incomplete_count as "incomplete_count!",
       gaps.earlier_count as "earlier_incomplete_count!",
       gaps.incomplete_starts[:5] as "incomplete_starts!",
       gaps.incomplete_ends[:5] as "incomplete_ends!",
       gaps.incomplete_reasons[:5] as "incomplete_reasons!",
       accepted.accepted_count as "accepted_count!",
       accepted.accepted_starts[:5] as "accepted_starts!",
       accepted.accepted_ends[:5] as "accepted_ends!",
       accepted.accepted_notes[:5] as "accepted_notes!",
       told.quota as "quota_calls?",
       told.remaining as "quota_remaining?",
       told.resets_at::timestamptz as "quota_resets_at?",
       told.used_up_until as "quota_used_up_until?",
       budget.blocked_until::timestamptz as "quota_blocked_until?"
  from core.sources src
  left join ingest.streams st on st.source_id = src.source_id
  left join ingest.controls control on control.source_id = st.source_id and control.stream = st.stream
  left join analytics.stream_freshness fresh on fresh.source = src.source_slug and fresh.stream = st.stream
  left join ingest.call_budgets budget on budget.budget_key = src.budget_key
  -- of several quotas the one with the least left
  left join lateral (
       select q.quota, q.remaining, q.resets_at,
              max(q.resets_at::timestamptz) filter (where q.last_call <= budget.call_count) over () as used_up_until
         from ingest.call_quotas q
        where q.budget_key = src.budget_key
        order by q.resets_at > now() desc nulls last, q.remaining, q.quota_name limit 1) told on true
  -- only the newest run can be under way; an older one without an end was given up
  left join lateral (
       select newest.*
         from (select r.* from ingest.runs r
                where r.source_id = st.source_id and r.stream = st.stream and r.purpose = 'poll'
                order by r.run_id desc limit 1) newest
        where newest.finished_at is null) run on true
  left join lateral (
       select r.run_id, r.rejected_count, r.record_count from ingest.runs r
        where r.source_id = st.source_id and r.stream = st.stream and r.finished_at is not null
        order by r.run_id desc limit 1) ended on true
  -- a first load that reads pages is no backlog
  left join lateral (
       select max(recent.heartbeat_at::timestamptz) as last_page_at
         from (select r.heartbeat_at, r.page_count from ingest.runs r
                where r.source_id = st.source_id and r.stream = st.stream and r.purpose = 'poll'
                order by r.run_id desc limit 20) recent
        where recent.page_count > 0) progress on true
 cross join lateral (
       select count(*) as incomplete_count,
              -- what the current run could not prove so far, it may yet prove
              count(*) filter (where w.run_id is distinct from run.run_id) as earlier_count,
              coalesce(array_agg(w.window_from::timestamptz order by w.window_from), '{}') as incomplete_starts,
              coalesce(array_agg(w.window_to::timestamptz order by w.window_from), '{}') as incomplete_ends,
              coalesce(array_agg(coalesce(w.reason, '') order by w.window_from), '{}') as incomplete_reasons
         from ingest.windows w
        where w.source_id = st.source_id and w.stream = st.stream and not w.is_complete
          and not exists (select from ingest.accepted_gaps h
                           where h.source_id = w.source_id and h.stream = w.stream and h.reopened_at is null
                             and h.window_from <= w.window_from and h.window_to >= w.window_to)) gaps
 cross join lateral (
       select count(*) as accepted_count,
              coalesce(array_agg(h.window_from order by h.window_from), '{}') as accepted_starts,
              coalesce(array_agg(h.window_to order by h.window_from), '{}') as accepted_ends,
              coalesce(array_agg(h.note order by h.window_from), '{}') as accepted_notes
         from analytics.accepted_holes h
        where h.source_id = st.source_id and h.stream = st.stream and not h.is_proven_since) accepted
 order by src.source_slug, st.stream
