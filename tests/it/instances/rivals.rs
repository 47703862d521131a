//! Several pollers of one database: one run for each tick, and no write by a poller that has lost its lease.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rustix::process::Signal;
use tributary::clock::{Clock, Dice, SystemClock};
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::faults::{Effect, Fault, RetryAfter};

use crate::harness::poller_process::Poller;
use crate::harness::processes::{Providers, Stage};

const EVERY_SECOND: &str = "schedule = \"* * * * * *\"";
const ONCE_A_YEAR: &str = "schedule = \"0 0 0 1 1 *\"";

const COMPLETE: &str = "select count(*) from ingest.runs where stream = 'sessions' and verdict = 'complete'";
const LEASE_LOST: &str = "select count(*) from ingest.runs where verdict = 'failed' and error_class = 'lease_lost'";
const RUNS: &str = "select count(*) from ingest.runs where stream = 'sessions'";

async fn taken_over(stage: &Stage, providers: &Providers, quiet: &[String], mut sleeper: Poller) {
    let since = SystemClock.now();
    let mut other = stage.poller("");
    stage.settled(since).await;
    let before = stage.tables().await;
    sleeper.signal(Signal::CONT);
    stage.until(1, LEASE_LOST).await;
    assert_eq!(stage.tables().await, before, "the sleeper wrote nothing");
    assert!(sleeper.end().await.success(), "{}", sleeper.log());
    assert!(other.end().await.success(), "{}", other.log());
    stage.assert_true(providers, quiet).await;
    let reason = "select reason from ingest.runs where error_class = 'lease_lost'";
    assert!(stage.world.text(reason).await.unwrap_or_default().contains("another poller may hold it"));
}

#[tokio::test]
async fn f72_a_poller_stopped_past_its_lease_ends_by_itself_when_it_wakes() {
    let providers = Providers::start(&[Platform::Konvo], 120, 0).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage(EVERY_SECOND, 2).await;
    // the fourth response hangs: meanwhile nothing is written
    let hang = Fault::new(Effect::Delay(Duration::from_secs(8))).from_request(4).times(1);
    providers.simulators[0].1.script(vec![hang]);
    let sleeper = stage.poller("");
    stage.until(40, "select count(*) from core.sessions").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    sleeper.signal(Signal::STOP);
    taken_over(&stage, &providers, &quiet, sleeper).await;
}

#[tokio::test]
async fn f72_a_write_that_was_begun_before_the_lease_ran_out_is_refused_after_it() {
    let providers = Providers::start(&[Platform::Konvo], 120, 0).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage(EVERY_SECOND, 2).await;
    // it stops itself after it has checked its lease and before it writes: only the database can detect that
    let mut sleeper = stage.poller("page.before_write=2*off->1*return(stop)->off");
    sleeper.stopped().await;
    taken_over(&stage, &providers, &quiet, sleeper).await;
}

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

#[tokio::test]
async fn f83_sigterm_ends_a_poller_that_waits_for_an_hour() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(EVERY_SECOND, 5).await;
    providers.simulators[0].1.script(vec![Fault::new(Effect::RateLimited(RetryAfter::Seconds(3_600))).forever()]);
    let mut poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.streams where parked_until > now() + interval '50 minutes'").await;
    let began = std::time::Instant::now();
    assert!(poller.end().await.success(), "{}", poller.log());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(providers.simulators[0].1.requests().len(), 1, "no second call was made");
}

/// Two pollers, one killed at a random instant, the other continues: so many times, each time from nothing.
async fn rounds(count: u32, seed: u64) {
    let providers = Providers::start(&Platform::ALL, 120, 6).await;
    let quiet = providers.quiet_tables().await;
    providers.slow_down(Duration::from_millis(25));
    let dice = Dice::seeded(seed);
    for round in 0..count {
        let began = SystemClock.now();
        let stage = providers.stage(EVERY_SECOND, 2).await;
        let mut pollers = [stage.poller(""), stage.poller("")];
        let wait = Duration::from_millis(150).mul_f64(1.0 + 15.0 * dice.unit());
        tokio::time::sleep(wait).await;
        let victim = usize::from(dice.unit() < 0.5);
        pollers[victim].kill();
        let killed_at: DateTime<Utc> = SystemClock.now();
        let cut_off = stage.number("select count(*) from ingest.runs where finished_at is null").await;
        stage.settled(killed_at).await;
        assert!(pollers[1 - victim].end().await.success(), "{}", pollers[1 - victim].log());
        stage.assert_true(&providers, &quiet).await;
        let crashed = stage.number("select count(*) from ingest.runs where error_class = 'crashed'").await;
        println!(
            "round {round}: poller {victim} killed after {wait:?} with {cut_off} runs open, {crashed} closed as crashed, \
             {} runs, {} rows, {} s",
            stage.number(RUNS).await,
            quiet.len(),
            (SystemClock.now() - began).num_seconds()
        );
    }
}

#[tokio::test]
async fn one_of_two_pollers_is_killed_and_the_tables_are_true() {
    rounds(2, 41).await;
}

/// `cargo test twenty_rounds -- --ignored --nocapture`
#[tokio::test]
#[ignore = "takes minutes"]
async fn twenty_rounds_of_killing_one_of_two_pollers() {
    rounds(20, 2026).await;
}
