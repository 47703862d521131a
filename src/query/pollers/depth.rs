//! The health of per-session streams: the work list, and the last pass over it.
//!
//! A file that was never made, or has disappeared, is a fact about the session and no failure of the stream: it is
//! counted and shown. Content that an error kept from being read is owed. It makes the stream incomplete until it is
//! read or given up; a large share of given-up tasks does so too.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::query::pollers::parts::{AcceptedWindows, CurrentRun, IncompleteWindows, LastError, Pause};
use crate::query::pollers::poller::{FailingReason, Poller, PollerState};
use crate::query::pollers::tasks::{GivenUp, JUDGED, Losses, Owed, Tasks};
use crate::query::{ReadError, reading};

struct Facts {
    source: String,
    provider: String,
    stream: String,
    stale_after_seconds: i32,
    is_first_load: bool,
    is_enabled: bool,
    paused_at: Option<DateTime<Utc>>,
    paused_by: Option<String>,
    pending_count: i64,
    available_count: i64,
    empty_count: i64,
    not_enabled_count: i64,
    expired_count: i64,
    failed_count: i64,
    troubled_count: i64,
    due_count: i64,
    oldest_due_at: Option<DateTime<Utc>>,
    next_try_at: Option<DateTime<Utc>>,
    tried_count: i64,
    lost_count: i64,
    owed_classes: Vec<String>,
    owed_counts: Vec<i64>,
    owed_next_try_at: Option<DateTime<Utc>>,
    earlier_owed_count: i64,
    given_up_states: Vec<String>,
    given_up_classes: Vec<String>,
    given_up_counts: Vec<i64>,
    open_reject_count: i64,
    drift_count: i64,
    undrained_count: i64,
    run_id: Option<i64>,
    run_started_at: Option<DateTime<Utc>>,
    run_heartbeat_at: Option<DateTime<Utc>>,
    run_finished_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    ended_verdict: Option<String>,
    error_class: Option<String>,
    error_detail: Option<String>,
    run_page_count: Option<i32>,
    run_record_count: Option<i64>,
    last_success_at: Option<DateTime<Utc>>,
    failure_count: i32,
    last_progress_at: Option<DateTime<Utc>>,
}

/// Returns the per-session streams of all sources, by source, at `now`.
pub(super) async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    stalled_after: TimeDelta,
    advice: fn(&str) -> Option<&'static str>,
) -> Result<Vec<Poller>, ReadError> {
    let judged_from = now - JUDGED;
    let facts = sqlx::query_file_as!(Facts, "src/query/pollers/depth.sql", now, judged_from).fetch_all(pool).await;
    let facts = facts.map_err(reading("the state of the work lists"))?;
    Ok(facts.into_iter().map(|facts| facts.into_poller(now, stalled_after, advice)).collect())
}

impl Facts {
    fn state(&self, now: DateTime<Utc>, stalled_after: TimeDelta) -> PollerState {
        if !self.is_enabled {
            return PollerState::Disabled;
        }
        if self.paused_at.is_some() {
            return PollerState::Paused;
        }
        let is_running = self.is_running(now, stalled_after);
        match (self.ended_verdict.as_deref(), self.error_class.as_deref()) {
            (Some("rate_limited"), _) if !is_running => PollerState::RateLimited,
            (Some("failed"), Some("auth_failed")) => PollerState::AuthFailed,
            (Some("failed"), Some("config_error")) => PollerState::ConfigError,
            (Some("failed"), class) if class != Some("crashed") => PollerState::BackingOff,
            _ if is_running && self.earlier_owed_count == 0 && !self.losses().are_many() => PollerState::Running,
            _ if is_running => PollerState::Incomplete,
            _ if self.oldest_due_at.is_some_and(|due_at| now - due_at.max(self.idle_since(due_at)) > stalled_after) => {
                PollerState::Stalled
            }
            _ if !self.owed_counts.is_empty() || self.losses().are_many() => PollerState::Incomplete,
            _ => PollerState::Idle,
        }
    }

    fn is_running(&self, now: DateTime<Utc>, stalled_after: TimeDelta) -> bool {
        self.run_finished_at.is_none()
            && self.run_heartbeat_at.is_some_and(|heartbeat_at| now - heartbeat_at <= stalled_after)
    }

    fn failing_because(&self, state: PollerState, owes_faults: bool, now: DateTime<Utc>) -> Vec<FailingReason> {
        if matches!(state, PollerState::Disabled | PollerState::Paused) {
            return Vec::new();
        }
        let is_refused = matches!(state, PollerState::BackingOff | PollerState::AuthFailed | PollerState::ConfigError);
        [
            (state == PollerState::Stalled, FailingReason::Stalled),
            (is_refused, FailingReason::FailedRuns),
            (self.is_behind(now), FailingReason::Lag),
            (owes_faults, FailingReason::Owed),
            (self.losses().are_many(), FailingReason::GivenUp),
        ]
        .into_iter()
        .filter_map(|(holds, reason)| holds.then_some(reason))
        .collect()
    }

    /// Returns whether tasks are due and none was read for longer than the source allows. While the list of sessions is
    /// loaded for the first time, its calls come first.
    fn is_behind(&self, now: DateTime<Utc>) -> bool {
        let allowed = TimeDelta::seconds(self.stale_after_seconds.into());
        let is_long_ago = |at: DateTime<Utc>| now - at > allowed;
        !self.is_first_load
            && self.oldest_due_at.is_some_and(is_long_ago)
            && self.last_progress_at.is_none_or(is_long_ago)
    }

    fn losses(&self) -> Losses {
        Losses { tried: self.tried_count, lost: self.lost_count }
    }

    /// Returns when the last pass ended: tasks that came due before may have been left to the next.
    fn idle_since(&self, due_at: DateTime<Utc>) -> DateTime<Utc> {
        self.ended_at.unwrap_or(due_at)
    }

    fn tasks(&self, owed: Vec<Owed>) -> Tasks {
        Tasks {
            pending: self.pending_count,
            available: self.available_count,
            empty: self.empty_count,
            not_enabled: self.not_enabled_count,
            expired: self.expired_count,
            failed: self.failed_count,
            troubled: self.troubled_count,
            due: self.due_count,
            oldest_due_at: self.oldest_due_at,
            will_expire: self.undrained_count,
            owed,
            owed_next_try_at: self.owed_next_try_at,
            given_up: GivenUp::list(&self.given_up_states, &self.given_up_classes, &self.given_up_counts),
            lost_share: self.losses().share(),
            advice: self.losses().advice(),
        }
    }

    fn into_poller(
        self,
        now: DateTime<Utc>,
        stalled_after: TimeDelta,
        advice: fn(&str) -> Option<&'static str>,
    ) -> Poller {
        let state = self.state(now, stalled_after);
        let owed = Owed::list(&self.owed_classes, &self.owed_counts);
        // Tasks that only wait for a second confirmation of an absence, or for calls, need no action.
        let owes_faults = if self.is_running(now, stalled_after) {
            self.earlier_owed_count > 0
        } else {
            owed.iter().any(Owed::is_fault)
        };
        let failing_because = self.failing_because(state, owes_faults, now);
        let run_id = self.run_id.filter(|_| self.run_finished_at.is_none());
        Poller {
            state,
            is_failing: !failing_because.is_empty(),
            failing_because,
            last_attempt_at: self.run_started_at,
            last_success_at: self.last_success_at,
            complete_through: None,
            state_as_of: None,
            lag_seconds: self.oldest_due_at.map(|due_at| (now - due_at).num_seconds()),
            next_run_at: self.next_try_at.filter(|_| self.is_enabled && self.paused_at.is_none()).map(|at| at.max(now)),
            parked_until: None,
            consecutive_failures: self.failure_count,
            run: CurrentRun::of(
                run_id,
                self.run_started_at,
                self.run_heartbeat_at,
                self.run_page_count,
                self.run_record_count,
            ),
            lease: None,
            paused: Pause::of(self.paused_at, self.paused_by.clone()),
            open_reject_count: self.open_reject_count,
            last_run_rejects: None,
            incomplete_windows: IncompleteWindows { count: 0, first: Vec::new() },
            accepted_windows: AcceptedWindows::default(),
            // The quota belongs to the account; the list streams report it.
            quota: None,
            tasks: Some(self.tasks(owed)),
            drift_count: self.drift_count,
            stale_after_seconds: self.stale_after_seconds,
            // calls belong to the account; the list streams report them
            call_count: None,
            provider_skew_seconds: None,
            last_error: self.error_class.map(|class| LastError {
                advice: advice(&class),
                class,
                detail: self.error_detail,
                at: self.ended_at,
            }),
            source: self.source,
            provider: self.provider,
            stream: self.stream,
        }
    }
}
