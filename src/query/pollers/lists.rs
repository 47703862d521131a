//! The health of list streams, derived from facts alone.
//!
//! The order of the checks matters: an operator's decision comes before a run, a current run before the result of the
//! last one, and a run without a heartbeat never counts as running.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sqlx::PgPool;

use crate::clock::parse_schedule;
use crate::query::pollers::parts::{
    AcceptedWindow, AcceptedWindows, CallQuota, CurrentRun, IncompleteWindow, IncompleteWindows, LastError,
    LastRunRejects, Lease, Pause,
};
use crate::query::pollers::poller::{Poller, PollerState};
use crate::query::{ReadError, reading};

/// Facts of the database about one stream.
#[derive(Debug, Clone, Default)]
struct Facts {
    source: String,
    provider: String,
    stream: String,
    schedule: String,
    is_enabled: bool,
    paused_at: Option<DateTime<Utc>>,
    paused_by: Option<String>,
    due_at: Option<DateTime<Utc>>,
    last_attempt_at: Option<DateTime<Utc>>,
    registered_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_verdict: Option<String>,
    last_error_class: Option<String>,
    last_error_detail: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
    consecutive_failures: i32,
    parked_until: Option<DateTime<Utc>>,
    lease_owner: Option<String>,
    lease_until: Option<DateTime<Utc>>,
    complete_through: Option<DateTime<Utc>>,
    state_as_of: Option<DateTime<Utc>>,
    open_reject_count: i64,
    run_id: Option<i64>,
    run_started_at: Option<DateTime<Utc>>,
    run_heartbeat_at: Option<DateTime<Utc>>,
    run_page_count: Option<i32>,
    run_record_count: Option<i64>,
    ended_run_id: Option<i64>,
    ended_rejected_count: Option<i64>,
    ended_record_count: Option<i64>,
    incomplete_count: i64,
    incomplete_starts: Vec<DateTime<Utc>>,
    incomplete_ends: Vec<DateTime<Utc>>,
    incomplete_reasons: Vec<String>,
    accepted_count: i64,
    accepted_starts: Vec<DateTime<Utc>>,
    accepted_ends: Vec<DateTime<Utc>>,
    accepted_notes: Vec<String>,
    quota_calls: Option<i64>,
    quota_remaining: Option<i64>,
    quota_resets_at: Option<DateTime<Utc>>,
    quota_used_up_until: Option<DateTime<Utc>>,
    quota_blocked_until: Option<DateTime<Utc>>,
}

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
        Poller {
            state,
            is_failing: state.is_failing(),
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
            last_error: self.last_error_class.clone().map(|class| LastError {
                advice: advice(&class),
                class,
                detail: self.last_error_detail.clone(),
                at: self.last_error_at,
            }),
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

    /// Returns the state at `now`.
    fn state(&self, now: DateTime<Utc>, stalled_after: TimeDelta) -> PollerState {
        if !self.is_enabled {
            return PollerState::Disabled;
        }
        if self.paused_at.is_some() {
            return PollerState::Paused;
        }
        if let Some(heartbeat_at) = self.run_heartbeat_at {
            let is_held = self.lease_until.is_some_and(|until| until > now);
            return if is_held && now - heartbeat_at <= stalled_after {
                PollerState::Running
            } else {
                PollerState::Stalled
            };
        }
        if self.overdue_since().is_some_and(|since| now - since > stalled_after) {
            return PollerState::Stalled;
        }
        match self.last_verdict.as_deref() {
            Some("rate_limited") => PollerState::RateLimited,
            Some("failed") => match self.last_error_class.as_deref() {
                Some("auth_failed") => PollerState::AuthFailed,
                Some("config_error" | "not_found" | "same_account") => PollerState::ConfigError,
                _ => PollerState::BackingOff,
            },
            Some("incomplete") => PollerState::Incomplete,
            _ if self.incomplete_count > 0 => PollerState::Incomplete,
            _ if self.parked_until.is_some_and(|until| until > now) => PollerState::BackingOff,
            _ => PollerState::Idle,
        }
    }

    fn next_run_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn next(now: &str, parked_until: Option<&str>) -> Option<String> {
        let facts = Facts {
            schedule: "0 */5 * * * *".to_owned(),
            is_enabled: true,
            parked_until: parked_until.map(|at| at.parse().unwrap()),
            ..Facts::default()
        };
        facts.next_run_at(now.parse().unwrap()).map(|at| at.format("%H:%M:%S").to_string())
    }

    #[test]
    fn the_next_run_follows_the_schedule_and_the_provider() {
        assert_eq!(next("2026-11-20T10:02:00Z", None).as_deref(), Some("10:05:00"));
        assert_eq!(next("2026-11-20T10:05:00Z", None).as_deref(), Some("10:10:00"));
        assert_eq!(next("2026-11-20T10:02:00Z", Some("2026-11-20T10:31:10Z")).as_deref(), Some("10:31:10"));
        assert_eq!(next("2026-11-20T10:02:00Z", Some("2026-11-20T10:01:00Z")).as_deref(), Some("10:05:00"));
    }

    const NOW: &str = "2026-11-20T10:00:00Z";

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-20T{text}Z").parse().unwrap()
    }

    fn state(facts: &Facts) -> PollerState {
        facts.state(NOW.parse().unwrap(), TimeDelta::minutes(5))
    }

    fn enabled() -> Facts {
        Facts { is_enabled: true, ..Facts::default() }
    }

    fn ended(verdict: &str, class: Option<&str>) -> PollerState {
        let last_error_class = class.map(ToOwned::to_owned);
        state(&Facts { last_verdict: Some(verdict.to_owned()), last_error_class, ..enabled() })
    }

    #[test]
    fn a_run_is_running_only_while_it_lives() {
        let run = |heartbeat, lease| {
            state(&Facts { run_heartbeat_at: Some(at(heartbeat)), lease_until: Some(at(lease)), ..enabled() })
        };
        assert_eq!(run("09:59:00", "10:01:00"), PollerState::Running);
        assert_eq!(run("09:54:59", "10:01:00"), PollerState::Stalled);
        assert_eq!(run("09:59:00", "09:59:30"), PollerState::Stalled);
    }

    #[test]
    fn the_last_end_decides_otherwise() {
        assert_eq!(state(&enabled()), PollerState::Idle);
        assert_eq!(ended("complete", Some("transient")), PollerState::Idle);
        assert_eq!(ended("cancelled", None), PollerState::Idle);
        assert_eq!(ended("rate_limited", None), PollerState::RateLimited);
        assert_eq!(ended("incomplete", None), PollerState::Incomplete);
        assert_eq!(ended("failed", Some("auth_failed")), PollerState::AuthFailed);
        assert_eq!(ended("failed", Some("config_error")), PollerState::ConfigError);
        assert_eq!(ended("failed", Some("contract_error")), PollerState::BackingOff);
    }

    #[test]
    fn a_persons_decision_comes_first() {
        let failed = Facts { last_verdict: Some("failed".to_owned()), ..enabled() };
        let paused_at = Some(at("09:00:00"));
        assert_eq!(state(&Facts { paused_at, ..failed.clone() }), PollerState::Paused);
        assert_eq!(state(&Facts { is_enabled: false, paused_at, ..failed }), PollerState::Disabled);
    }

    #[test]
    fn an_old_gap_keeps_a_stream_incomplete() {
        let facts = Facts { last_verdict: Some("complete".to_owned()), incomplete_count: 1, ..enabled() };
        assert_eq!(state(&facts), PollerState::Incomplete);
    }
}
