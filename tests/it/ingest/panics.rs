//! A panic in one adapter stops no other source, and is reported.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tributary::connector::error::PullError;
use tributary::connector::{CheckReport, Connector, OpenSet, StoredBytes, StreamPolicy};
use tributary::db::Purpose;
use tributary::ingest::schedule::Schedule;
use tributary::model::id::ProviderRecordId;
use tributary::model::page::{Count, Page, PageRequest, Record, Reject};
use tributary::model::stream::Stream;
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, plain_feed};

/// An adapter with a bug.
struct Panics;

#[async_trait]
impl Connector for Panics {
    fn policy(&self, stream: Stream) -> Option<StreamPolicy> {
        (stream == Stream::Sessions).then_some(StreamPolicy {
            overlap: TimeDelta::hours(1),
            open_set: OpenSet::ByDetail { settling: TimeDelta::hours(1) },
            split_above_records: 2000,
        })
    }

    async fn fetch_page(&self, _: Stream, _: PageRequest<'_>) -> Result<Page, PullError> {
        panic!("a bug in one adapter");
    }

    async fn fetch_session(&self, _: &ProviderRecordId, _: PageRequest<'_>) -> Result<Page, PullError> {
        panic!("a bug in one adapter");
    }

    async fn count(&self, _: Stream, _: PageRequest<'_>) -> Result<Count, PullError> {
        panic!("a bug in one adapter");
    }

    fn read_record(&self, _: StoredBytes<'_>) -> Result<Record, Reject> {
        panic!("a bug in one adapter");
    }

    async fn check(&self, _: PageRequest<'_>) -> Result<CheckReport, PullError> {
        panic!("a bug in one adapter");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f78_a_panic_in_one_adapter_stops_no_other_and_is_reported() {
    let mut world = World::new().await;
    let _konpro = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    let _konvo = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let app = world.app();
    let pool = app.pool(Purpose::Poll).await.expect("a pool");
    let mut sources = tributary::app::sources::connect_sources(&app, &pool).await.expect("sources");
    for source in &mut sources {
        source.schedule = "* * * * * *".to_owned();
        if source.slug.as_str() == "konpro" {
            source.connector = Arc::new(Panics);
        }
    }
    let stop = CancellationToken::new();
    let poller = Arc::new(app.poller(pool, stop.clone()).await.expect("a poller"));
    let tracker = TaskTracker::new();
    let schedule = Schedule::start(&poller, sources, &tracker).await.expect("it ticks");
    let runs = "select count(*) from ingest.runs r join core.sources using (source_id)
                 where provider = 'konvo' and verdict = 'complete'";
    let started = Instant::now();
    // the healthy source continues from tick to tick
    while world.number(runs).await < 2 {
        world.clock.set(noon() + TimeDelta::from_std(started.elapsed()).expect("seconds"));
        assert!(started.elapsed() < Duration::from_secs(30), "the other source stands still");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
    // the lease of the run that crashed expires; the test does not wait for that
    let crashed = "select count(*) from ingest.runs where error_class = 'crashed' and reason is not null";
    while world.number(crashed).await == 0 {
        assert!(started.elapsed() < Duration::from_mins(1), "the crash is not in the journal");
        sqlx::query("update ingest.streams set lease_until = now() - interval '1 second' where lease_until is not null and lease_owner is not null and source_id in (select source_id from core.sources where provider = 'konpro')")
            .execute(&world.db.pool)
            .await
            .expect("it runs out");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.cancel();
    schedule.stop().await;
    tracker.close();
    tokio::time::timeout(Duration::from_secs(20), tracker.wait()).await.expect("all workers end");
}
