//! The health of list streams, derived from facts alone.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sqlx::PgPool;

use crate::model::verdict::CLOCK_SKEW;
use crate::query::pollers::list_facts::Facts;
use crate::query::pollers::parts::{
    AcceptedWindow, AcceptedWindows, CallQuota, CurrentRun, IncompleteWindow, IncompleteWindows, LastError,
    LastRunRejects, Lease, Pause,
};
use crate::query::pollers::poller::Poller;
use crate::query::{ReadError, reading};

/// Returns the list streams of all sources, by source, at `now`.
pub(super) async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    stalled_after: TimeDelta,
    advice: fn(&str) -> Option<&'static str>,
) -> Result<Vec<Poller>, ReadError> {
    let facts = sqlx::query_file_as!(Facts, "src/query/pollers/lists.sql").fetch_all(pool).await;
    let facts = facts.map_err(reading("the state of the streams"))?;
    Ok(facts.into_iter().map(|facts| facts.into_poller(now, stalled_after, advice)).collect())
}

impl Facts {
    fn into_poller(
        self,
        now: DateTime<Utc>,
        stalled_after: TimeDelta,
        advice: fn(&str) -> Option<&'static str>,
    ) -> Poller {
        let state = self.state(now, stalled_after);
        let failing_because = self.failing_because(state, now);
        Poller {
            state,
            is_failing: !failing_because.is_empty(),
            failing_because,
            next_run_at: self.next_run_at(now),
            lag_seconds: self.complete_through.map(|at| (now - at).num_seconds().max(0)),
            run: CurrentRun::of(
                self.run_id,
                self.run_started_at,
                self.run_heartbeat_at,
                self.run_page_count,
                self.run_record_count,
            ),
            quota: self.quota(now),
            lease: self.lease_owner.clone().zip(self.lease_until).map(|(owner, until)| Lease { owner, until }),
            incomplete_windows: self.incomplete_windows(),
            accepted_windows: self.accepted_windows(),
            last_run_rejects: self.last_run_rejects(),
            paused: Pause::of(self.paused_at, self.paused_by.clone()),
            tasks: None,
            drift_count: self.drift_count,
            stale_after_seconds: self.stale_after_seconds,
            call_count: self.call_count,
            last_error: self.last_error(advice),
            provider_skew_seconds: self.provider_skew_seconds,
            source: self.source,
            provider: self.provider,
            stream: self.stream,
            last_attempt_at: self.last_attempt_at,
            last_success_at: self.last_success_at,
            complete_through: self.complete_through,
            state_as_of: self.state_as_of,
            parked_until: self.parked_until,
            consecutive_failures: self.consecutive_failures,
            open_reject_count: self.open_reject_count,
        }
    }

    /// Returns the last error of a run, else the fault of a clock: a run that ends complete has no other error.
    fn last_error(&self, advice: fn(&str) -> Option<&'static str>) -> Option<LastError> {
        let of = |class: String, detail, at| LastError { advice: advice(&class), class, detail, at };
        match &self.last_error_class {
            Some(class) => Some(of(class.clone(), self.last_error_detail.clone(), self.last_error_at)),
            None => self.clock_fault().map(|fault| of(CLOCK_SKEW.to_owned(), Some(fault), self.last_success_at)),
        }
    }

    fn incomplete_windows(&self) -> IncompleteWindows {
        let ends = self.incomplete_starts.iter().zip(&self.incomplete_ends);
        let first = ends.zip(&self.incomplete_reasons).map(|((from, to), reason)| IncompleteWindow {
            from: *from,
            to: *to,
            reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
        });
        IncompleteWindows { count: self.incomplete_count, first: first.collect() }
    }

    fn accepted_windows(&self) -> AcceptedWindows {
        let ends = self.accepted_starts.iter().zip(&self.accepted_ends).zip(&self.accepted_notes);
        let first = ends.map(|((from, to), note)| AcceptedWindow { from: *from, to: *to, note: note.clone() });
        AcceptedWindows { count: self.accepted_count, first: first.collect() }
    }

    /// Returns the calls left at `now`; `None` if nothing is known.
    fn quota(&self, now: DateTime<Utc>) -> Option<CallQuota> {
        let resets_at = self.quota_resets_at.filter(|at| *at > now);
        let blocked_until = self.quota_blocked_until.max(self.quota_used_up_until).filter(|until| *until > now);
        if self.quota_calls.is_none() && resets_at.is_none() && blocked_until.is_none() {
            return None;
        }
        let remaining = self.quota_remaining.filter(|_| resets_at.is_some());
        Some(CallQuota { remaining, quota: self.quota_calls, resets_at, blocked_until })
    }

    fn last_run_rejects(&self) -> Option<LastRunRejects> {
        let (rejected_count, record_count) = (self.ended_rejected_count?, self.ended_record_count?);
        let share = Decimal::from(rejected_count).checked_div(Decimal::from(record_count));
        Some(LastRunRejects {
            run_id: self.ended_run_id?,
            rejected_count,
            record_count,
            rejected_share: share.and_then(|share| share.round_dp(6).to_f64()),
        })
    }
}
