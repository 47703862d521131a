//! The facts about a list stream, and the rules by which its state follows from them.
//!
//! The order of the checks matters: an operator's decision comes before a run, a failure before the run that retries
//! it, and a run without a heartbeat never counts as running.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::clock::parse_schedule;
use crate::query::pollers::clocks::ReadClocks;
use crate::query::pollers::poller::{FailingReason, PollerState};

/// A first load may take this long for a page, however tight the schedule is.
const LONG_PAGE: TimeDelta = TimeDelta::minutes(5);

/// Facts of the database about one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) source: String,
    pub(super) provider: String,
    pub(super) stream: String,
    pub(super) schedule: String,
    pub(super) stale_after_seconds: i32,
    pub(super) is_enabled: bool,
    pub(super) paused_at: Option<DateTime<Utc>>,
    pub(super) paused_by: Option<String>,
    pub(super) due_at: Option<DateTime<Utc>>,
    pub(super) last_attempt_at: Option<DateTime<Utc>>,
    pub(super) registered_at: Option<DateTime<Utc>>,
    pub(super) last_success_at: Option<DateTime<Utc>>,
    pub(super) last_verdict: Option<String>,
    pub(super) last_error_class: Option<String>,
    pub(super) last_error_detail: Option<String>,
    pub(super) last_error_at: Option<DateTime<Utc>>,
    pub(super) consecutive_failures: i32,
    pub(super) parked_until: Option<DateTime<Utc>>,
    pub(super) provider_skew_seconds: Option<i32>,
    pub(super) poller_skew_seconds: Option<i32>,
    pub(super) lease_owner: Option<String>,
    pub(super) lease_until: Option<DateTime<Utc>>,
    pub(super) complete_through: Option<DateTime<Utc>>,
    pub(super) state_as_of: Option<DateTime<Utc>>,
    pub(super) open_reject_count: i64,
    pub(super) drift_count: i64,
    pub(super) call_count: Option<i64>,
    pub(super) run_id: Option<i64>,
    pub(super) run_started_at: Option<DateTime<Utc>>,
    pub(super) run_heartbeat_at: Option<DateTime<Utc>>,
    pub(super) run_page_count: Option<i32>,
    pub(super) run_record_count: Option<i64>,
    pub(super) last_page_at: Option<DateTime<Utc>>,
    pub(super) ended_run_id: Option<i64>,
    pub(super) ended_rejected_count: Option<i64>,
    pub(super) ended_record_count: Option<i64>,
    pub(super) incomplete_count: i64,
    pub(super) earlier_incomplete_count: i64,
    pub(super) incomplete_starts: Vec<DateTime<Utc>>,
    pub(super) incomplete_ends: Vec<DateTime<Utc>>,
    pub(super) incomplete_reasons: Vec<String>,
    pub(super) accepted_count: i64,
    pub(super) accepted_starts: Vec<DateTime<Utc>>,
    pub(super) accepted_ends: Vec<DateTime<Utc>>,
    pub(super) accepted_notes: Vec<String>,
    pub(super) quota_calls: Option<i64>,
    pub(super) quota_remaining: Option<i64>,
    pub(super) quota_resets_at: Option<DateTime<Utc>>,
    pub(super) quota_used_up_until: Option<DateTime<Utc>>,
    pub(super) quota_blocked_until: Option<DateTime<Utc>>,
}

impl Facts {
    /// Returns the state at `now`. A retry under way hides no failure.
    pub(super) fn state(&self, now: DateTime<Utc>, stalled_after: TimeDelta) -> PollerState {
        if !self.is_enabled {
            return PollerState::Disabled;
        }
        if self.paused_at.is_some() {
            return PollerState::Paused;
        }
        let is_running = match self.run_heartbeat_at {
            None if self.overdue_since().is_some_and(|since| now - since > stalled_after) => {
                return PollerState::Stalled;
            }
            None => false,
            Some(heartbeat_at) => {
                let is_held = self.lease_until.is_some_and(|until| until > now);
                if !is_held || now - heartbeat_at > stalled_after {
                    return PollerState::Stalled;
                }
                true
            }
        };
        match self.last_verdict.as_deref() {
            _ if is_running && !self.is_still_limited() && (!self.has_failed() || self.was_interrupted()) => {
                let has_gap = self.earlier_incomplete_count > 0;
                if has_gap { PollerState::Incomplete } else { PollerState::Running }
            }
            Some("rate_limited") => PollerState::RateLimited,
            Some("incomplete") => PollerState::Incomplete,
            _ if self.has_failed() => match self.last_error_class.as_deref() {
                Some("auth_failed") => PollerState::AuthFailed,
                Some("config_error" | "not_found" | "same_account") => PollerState::ConfigError,
                Some("incomplete" | "schema_drift" | "empty_list") => PollerState::Incomplete,
                _ => PollerState::BackingOff,
            },
            _ if self.incomplete_count > 0 => PollerState::Incomplete,
            _ if self.parked_until.is_some_and(|until| until > now) => PollerState::BackingOff,
            _ => PollerState::Idle,
        }
    }

    /// Returns whether a run failed since the last complete one.
    fn has_failed(&self) -> bool {
        self.consecutive_failures > 0 || matches!(self.last_verdict.as_deref(), Some("failed" | "incomplete"))
    }

    /// Returns whether the last run ended by a rate limit, and the one under way has stored no page yet.
    fn is_still_limited(&self) -> bool {
        self.last_verdict.as_deref() == Some("rate_limited") && self.run_page_count.unwrap_or_default() == 0
    }

    /// Returns whether the only failure is that a poller was killed, suspended or replaced: nothing is lost, and the
    /// run under way continues.
    fn was_interrupted(&self) -> bool {
        let class = self.last_error_class.as_deref();
        self.consecutive_failures <= 1 && matches!(class, Some("crashed" | "lease_lost" | "outdated"))
    }

    pub(super) fn failing_because(&self, state: PollerState, now: DateTime<Utc>) -> Vec<FailingReason> {
        let is_polled = !matches!(state, PollerState::Disabled | PollerState::Paused);
        let has_failed = match state {
            PollerState::Running => false,
            PollerState::BackingOff | PollerState::AuthFailed | PollerState::ConfigError => true,
            _ => self.has_failed(),
        };
        let is_running = self.run_id.is_some();
        let doubtful = if is_running { self.earlier_incomplete_count } else { self.incomplete_count };
        [
            (state == PollerState::Stalled, FailingReason::Stalled),
            (has_failed, FailingReason::FailedRuns),
            (doubtful > 0, FailingReason::IncompleteWindows),
            (self.clock_fault().is_some(), FailingReason::ClockSkew),
            (self.is_behind(now), FailingReason::Lag),
        ]
        .into_iter()
        .filter_map(|(holds, reason)| (is_polled && holds).then_some(reason))
        .collect()
    }

    /// Returns whether the stream is proven less far than its source allows. A first load that reads pages is not.
    fn is_behind(&self, now: DateTime<Utc>) -> bool {
        let allowed = TimeDelta::seconds(self.stale_after_seconds.into());
        let is_loading =
            self.last_success_at.is_none() && self.last_page_at.is_some_and(|at| now - at <= allowed.max(LONG_PAGE));
        // nothing can be known from before the source was registered
        let since = self.complete_through.or(self.last_success_at).or(self.registered_at);
        !is_loading && since.is_some_and(|since| now - since > allowed)
    }

    /// Returns whose clock was off at the last poll.
    pub(super) fn clock_fault(&self) -> Option<String> {
        ReadClocks { provider: self.provider_skew_seconds, poller: self.poller_skew_seconds }.fault()
    }

    pub(super) fn next_run_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.is_enabled || self.paused_at.is_some() {
            return None;
        }
        // A parked stream is polled as soon as the provider allows, independent of its schedule.
        if let Some(until) = self.parked_until.filter(|until| *until > now) {
            return Some(until);
        }
        if self.due_at.is_some() {
            return Some(now);
        }
        parse_schedule(&self.schedule).ok()?.find_next_occurrence(&now.trunc_subsecs(0), false).ok()
    }

    /// Returns since when a run is overdue: the second tick after the last attempt. One tick may have passed during
    /// that attempt.
    fn overdue_since(&self) -> Option<DateTime<Utc>> {
        let schedule = parse_schedule(&self.schedule).ok()?;
        let expected = schedule.find_next_occurrence(&self.last_attempt_at.or(self.registered_at)?, false).ok()?;
        schedule.find_next_occurrence(&expected.max(self.parked_until.unwrap_or(expected)), false).ok()
    }
}

#[cfg(test)]
#[path = "list_facts_tests.rs"]
mod tests;
