//! The state of a stream's polling, derived from facts alone.
//!
//! The order of the checks matters: an operator's decision comes before a run, a current run before the result of the
//! last one, and a run without a heartbeat never counts as running.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::pollers::Facts;

/// State of a stream's polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PollerState {
    /// It waits for its schedule; the last run was complete, or there was none.
    Idle,
    /// A run is in progress.
    Running,
    /// The provider requested a wait.
    RateLimited,
    /// The last run failed; it is retried.
    BackingOff,
    /// The provider refused the credential.
    AuthFailed,
    /// The provider refused the request itself.
    ConfigError,
    /// Some range could not be proven complete; in per-session streams, content is owed, or much was given up.
    Incomplete,
    /// A run began and sends no heartbeat, or no run begins although one is due.
    Stalled,
    /// An operator paused it.
    Paused,
    /// Its source is no longer configured.
    Disabled,
}

impl PollerState {
    /// Derives the state from the facts at `now`.
    pub(crate) fn of(facts: &Facts, now: DateTime<Utc>, stalled_after: TimeDelta) -> Self {
        if !facts.is_enabled {
            return Self::Disabled;
        }
        if facts.paused_at.is_some() {
            return Self::Paused;
        }
        if let Some(heartbeat_at) = facts.run_heartbeat_at {
            let is_held = facts.lease_until.is_some_and(|until| until > now);
            return if is_held && now - heartbeat_at <= stalled_after { Self::Running } else { Self::Stalled };
        }
        if facts.overdue_since().is_some_and(|since| now - since > stalled_after) {
            return Self::Stalled;
        }
        match facts.last_verdict.as_deref() {
            Some("rate_limited") => Self::RateLimited,
            Some("failed") => match facts.last_error_class.as_deref() {
                Some("auth_failed") => Self::AuthFailed,
                Some("config_error" | "not_found" | "same_account") => Self::ConfigError,
                _ => Self::BackingOff,
            },
            Some("incomplete") => Self::Incomplete,
            _ if facts.incomplete_count > 0 => Self::Incomplete,
            _ if facts.parked_until.is_some_and(|until| until > now) => Self::BackingOff,
            _ => Self::Idle,
        }
    }

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::RateLimited => "rate_limited",
            Self::BackingOff => "backing_off",
            Self::AuthFailed => "auth_failed",
            Self::ConfigError => "config_error",
            Self::Incomplete => "incomplete",
            Self::Stalled => "stalled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    /// Returns whether an operator should look at it.
    pub fn is_failing(self) -> bool {
        match self {
            Self::BackingOff | Self::AuthFailed | Self::ConfigError | Self::Incomplete | Self::Stalled => true,
            Self::Idle | Self::Running | Self::RateLimited | Self::Paused | Self::Disabled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-20T10:00:00Z";

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-20T{text}Z").parse().unwrap()
    }

    fn state(facts: &Facts) -> PollerState {
        PollerState::of(facts, NOW.parse().unwrap(), TimeDelta::minutes(5))
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
    fn an_old_hole_keeps_a_stream_incomplete() {
        let facts = Facts { last_verdict: Some("complete".to_owned()), incomplete_count: 1, ..enabled() };
        assert_eq!(state(&facts), PollerState::Incomplete);
    }
}
