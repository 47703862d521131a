//! Leases: one poller at a time advances a stream, and one that has lost its lease writes nothing.

use std::time::Duration;

use rustix::process::Signal;
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;

use crate::harness::poller_process::Poller;
use crate::harness::processes::{EVERY_SECOND, Providers, Stage};
use crate::harness::{World, plain_feed};

#[tokio::test]
async fn f72_p07_of_two_polls_at_once_the_second_names_the_holder_of_the_lease() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(800)))]);
    let (first, second) = tokio::join!(world.poll_one(), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.poll_one().await
    });
    assert!(first.is_complete(), "{first:?}");
    assert_eq!(second.result, "held", "{second:?}");
    let detail = second.detail.unwrap_or_default();
    assert!(detail.contains(&format!(":{} holds the lease until", std::process::id())), "{detail}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
}

#[tokio::test]
async fn f72_p07_a_poller_whose_lease_was_taken_over_writes_nothing_more() {
    let mut world = World::new().await.with_settings("page_size = 50");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 180), Quirks::default()).await;
    let pool = world.db.pool.clone();
    let take_over = move || {
        let pool = pool.clone();
        // another poller was granted the stream while this one slept
        tokio::spawn(async move {
            sqlx::query(
                "update ingest.streams set fence = fence + 1, lease_token = gen_random_uuid(), lease_owner = 'other:1'",
            )
            .execute(&pool)
            .await
            .expect("taken over");
        });
    };
    provider.script(vec![
        Fault::new(Effect::before(take_over)).from_request(3),
        Fault::new(Effect::Delay(Duration::from_millis(300))).from_request(4).forever(),
    ]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed", "{line:?}");
    assert!(line.detail.unwrap_or_default().contains("lease"), "it says why");
    let stored = world.number("select count(*) from core.sessions").await;
    assert!(stored < 180, "{stored} were written");
    assert_eq!(
        world.text("select lease_owner from ingest.streams").await.as_deref(),
        Some("other:1"),
        "the new holder keeps it"
    );
}

const LEASE_LOST: &str = "select count(*) from ingest.runs where verdict = 'failed' and error_class = 'lease_lost'";

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
