//! Tests of [`super`]: the state of a list, as its facts have it.

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
    let limited = |pages| {
        let last_verdict = Some("rate_limited".to_owned());
        let (heartbeat, lease) = (Some(at("09:59:00")), Some(at("10:01:00")));
        let run = Facts { run_heartbeat_at: heartbeat, lease_until: lease, ..enabled() };
        state(&Facts { last_verdict, run_page_count: Some(pages), ..run })
    };
    assert_eq!((limited(0), limited(1)), (PollerState::RateLimited, PollerState::Running));
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

#[test]
fn a_retry_under_way_hides_no_failure_and_a_killed_poller_is_none() {
    let run = Facts {
        run_id: Some(2),
        run_heartbeat_at: Some(at("10:00:00")),
        lease_until: Some(at("10:01:00")),
        consecutive_failures: 1,
        last_verdict: Some("failed".to_owned()),
        ..enabled()
    };
    let failed = |class: &str, consecutive_failures| {
        let facts = Facts { last_error_class: Some(class.to_owned()), consecutive_failures, ..run.clone() };
        let state = state(&facts);
        (state, facts.failing_because(state, NOW.parse().unwrap()))
    };
    assert_eq!(failed("auth_failed", 1), (PollerState::AuthFailed, vec![FailingReason::FailedRuns]));
    assert_eq!(failed("transient", 7), (PollerState::BackingOff, vec![FailingReason::FailedRuns]));
    assert_eq!(failed("crashed", 1), (PollerState::Running, Vec::new()));
    assert_eq!(failed("crashed", 2).1, [FailingReason::FailedRuns], "it is killed again and again");
}

#[test]
fn a_lag_is_failing_but_not_while_a_first_load_reads_pages() {
    let behind = |facts: &Facts| facts.failing_because(state(facts), NOW.parse().unwrap()) == [FailingReason::Lag];
    let proven = Facts {
        stale_after_seconds: 900,
        last_success_at: Some(at("09:40:00")),
        complete_through: Some(at("09:45:00")),
        last_attempt_at: Some(at("09:59:00")),
        last_verdict: Some("rate_limited".to_owned()),
        ..enabled()
    };
    assert!(!behind(&proven), "fifteen minutes are allowed");
    let late = Facts { complete_through: Some(at("09:44:59")), ..proven };
    assert!(behind(&late));
    let first = Facts { last_success_at: None, last_page_at: Some(at("09:59:00")), ..late.clone() };
    assert!(!behind(&first));
    assert!(behind(&Facts { last_page_at: Some(at("09:40:00")), ..first.clone() }), "it reads nothing");
    let unread = Facts { complete_through: None, last_page_at: None, registered_at: Some(at("09:50:00")), ..first };
    assert!(!behind(&unread), "nothing can be known from before it was registered");
    assert!(behind(&Facts { registered_at: Some(at("09:30:00")), ..unread }));
    assert!(!behind(&Facts { paused_at: Some(at("09:00:00")), ..late }));
}
