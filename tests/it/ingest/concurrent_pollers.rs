//! Two pollers of one database, as real processes, one of which is killed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tributary::clock::{Clock, Dice, SystemClock};
use tributary_simulator::Platform;

use crate::harness::processes::{EVERY_SECOND, Providers, RUNS};

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
