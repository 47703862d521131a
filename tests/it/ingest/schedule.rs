//! Schedules: one run for each tick, however many pollers, restarts and missed ticks there are.

use std::time::Duration;

use chrono::TimeDelta;
use tributary_simulator::Platform;

use crate::harness::at;
use crate::harness::processes::{ONCE_A_YEAR, Providers, RUNS};

#[test]
fn f68_a_schedule_is_in_utc_and_neither_skips_nor_doubles_an_hour() {
    let schedule = tributary::clock::parse_schedule("0 30 * * * *").expect("a schedule");
    for change in ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"] {
        let mut tick = at(change);
        for _ in 0..12 {
            let next = schedule.find_next_occurrence(&tick, false).expect("a next tick");
            assert!(next - tick <= TimeDelta::hours(1) && next > tick, "{tick} to {next}");
            tick = next;
        }
        assert_eq!(tick, at(change) + TimeDelta::minutes(11 * 60 + 30));
    }
}

const COMPLETE: &str = "select count(*) from ingest.runs where stream = 'sessions' and verdict = 'complete'";

#[tokio::test]
async fn two_pollers_make_one_run_of_each_tick() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage("schedule = \"*/2 * * * * *\"", 5).await;
    let mut pollers = [stage.poller(""), stage.poller("")];
    stage.until(4, COMPLETE).await;
    for poller in &mut pollers {
        assert!(poller.end().await.success(), "{}", poller.log());
    }
    let twice = "select count(*) from (select from ingest.runs where stream = 'sessions'
                                        group by floor(extract(epoch from started_at) / 2) having count(*) > 1) twice";
    assert_eq!(stage.number(twice).await, 0, "{}", stage.runs().await);
    assert_eq!(stage.number("select count(*) from ingest.runs where verdict <> 'complete'").await, 0);
}

#[tokio::test]
async fn f84_a_restart_storm_polls_once_and_then_not_again() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 5).await;
    for round in 0..2 {
        let mut pollers = [stage.poller(""), stage.poller(""), stage.poller("")];
        stage.until(1, COMPLETE).await;
        // the jitter of a start is over
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(stage.number(RUNS).await, 1, "round {round}: {}", stage.runs().await);
        for poller in &mut pollers {
            assert!(poller.end().await.success(), "{}", poller.log());
        }
    }
}

#[tokio::test]
async fn f70_ticks_missed_for_six_hours_are_one_run() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage("schedule = \"0 0 * * * *\"", 5).await;
    stage.world.poll().await;
    let past = "update ingest.streams set last_attempt_at = now() - interval '6 hours'";
    sqlx::query(past).execute(&stage.world.db.pool).await.expect("six hours pass");
    let mut poller = stage.poller("");
    stage.until(2, COMPLETE).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(poller.end().await.success(), "{}", poller.log());
    let twice = "select count(*) - count(distinct date_trunc('hour', started_at)) - 1 from ingest.runs
                  where stream = 'sessions'";
    // the manual poll and the run that replaced the missed ticks; a third only if an hour began just then
    assert!(stage.number(twice).await <= 0, "{}", stage.runs().await);
}

#[tokio::test]
async fn a_last_start_written_by_a_clock_that_was_ahead_keeps_no_run_from_starting() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage("schedule = \"* * * * * *\"", 5).await;
    stage.world.poll().await;
    let ahead = "update ingest.streams set last_attempt_at = now() + interval '1 hour'";
    sqlx::query(ahead).execute(&stage.world.db.pool).await.expect("a clock was ahead");
    let _poller = stage.poller("");
    stage.until(2, COMPLETE).await;
}
