//! Faults on our side: locks of others, an adapter that panics, unread logs.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tributary::connector::error::PullError;
use tributary::connector::{CheckReport, Connector, OpenSet, StoredBytes, StreamPolicy};
use tributary::db::Purpose;
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::faults::{Effect, Fault};
use tributary::demo::simulator::feed::FixedRecord;
use tributary::demo::simulator::quirks::Quirks;
use tributary::ingest::schedule::Schedule;
use tributary::model::id::ProviderRecordId;
use tributary::model::page::{Count, Page, PageRequest, Record, Reject};
use tributary::model::stream::Stream;

use crate::harness::{World, noon, plain_feed, plain_record, records};

#[tokio::test]
async fn f57_a_child_may_come_before_its_parent_or_without_it() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Realtimekit, 1);
    let child = |id: &str, parent: &str, minutes: i64| {
        let plain = records::record(Platform::Realtimekit, id, noon() - TimeDelta::minutes(minutes));
        let parent = format!(r#"{{"parent_session_id":"{parent}","#);
        FixedRecord { json: plain.json.replacen('{', &parent, 1), ..plain }
    };
    feed.insert(child("breakout", "parent", 50));
    feed.insert(child("orphan", "never-listed", 40));
    let _provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 3, "{line:?}");
    feed.insert(records::record(Platform::Realtimekit, "parent", noon() - TimeDelta::minutes(10)));
    world.clock.set(noon() + TimeDelta::minutes(5));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 1, "{line:?}");
    let joined = "select count(*) from core.sessions child join core.sessions parent
                      on parent.source_id = child.source_id
                     and parent.provider_session_id = child.parent_provider_session_id";
    assert_eq!(world.number(joined).await, 1);
}

#[tokio::test]
async fn f77_an_analyst_who_reads_for_hours_and_a_start_beside_him_hold_no_poll_up() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let feed = plain_feed(Platform::Konvo, 60);
    let provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let mut analyst = world.db.pool.begin().await.expect("a transaction");
    sqlx::query("lock table core.sessions, core.messages, ingest.windows, ingest.streams in access share mode")
        .execute(&mut *analyst)
        .await
        .expect("the analyst reads");
    feed.replace(FixedRecord {
        json: plain_record(Platform::Konvo, 59, 60).json.replace("How can I help?", "Yes?"),
        ..plain_record(Platform::Konvo, 59, 60)
    });
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(100))).forever()]);
    world.clock.set(noon() + TimeDelta::minutes(1));
    let (line, ()) = tokio::join!(world.poll_one(), async {
        // another instance starts and migrates the schema
        tributary::db::migrate(&world.app().pool(Purpose::Poll).await.expect("a pool")).await.expect("it is current");
    });
    assert!(line.is_complete() && line.updated == 1, "{line:?}");
    analyst.rollback().await.expect("he is done");
}

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
async fn f78_a_panic_in_one_adapter_costs_no_other_and_is_told() {
    let mut world = World::new().await;
    let _konpro = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    let _konvo = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let app = world.app();
    let pool = app.pool(Purpose::Poll).await.expect("a pool");
    let mut sources = tributary::app::connect_sources(&app, &pool).await.expect("sources");
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

/// A service whose log is not read. The pipe holds 64 KiB; one line a call fills it soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f82_a_log_that_nobody_reads_stops_neither_polls_nor_answers() {
    let mut world = World::new().await.with_settings("schedule = \"* * * * * *\"");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 30), Quirks::default()).await;
    let folder = std::env::temp_dir().join(format!("tributary-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    std::fs::write(&config, format!("[server]\nlisten = \"{free}\"\n{}", world.toml())).expect("a config file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .arg("--config")
        .arg(&config)
        .arg("serve")
        .env_clear()
        .envs(world.environment())
        .env("DATABASE_URL", &world.db.url)
        .env("TRIBUTARY_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let http = tributary::connector::http::http_client(tributary::connector::http::HttpLimits::default());
    let http = http.expect("a client");
    let answered = async |times: usize| {
        let started = Instant::now();
        let mut answers = 0;
        while answers < times && started.elapsed() < Duration::from_secs(40) {
            let answer = http.get(format!("http://{free}/healthz")).timeout(Duration::from_secs(5)).send().await;
            answers += usize::from(answer.is_ok_and(|answer| answer.status().is_success()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answers
    };
    let first = answered(300).await;
    let calls = provider.requests().len();
    let started = Instant::now();
    while provider.requests().len() <= calls && started.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let goes_on = provider.requests().len() > calls;
    let second = answered(5).await;
    // the log is read again, and its lines are whole
    let mut log = child.stderr.take().expect("its log");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = log.read_to_string(&mut text);
        text
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is told to stop");
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("it ends").expect("a status");
    let text = reading.join().expect("the log");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
    assert_eq!((first, second), (300, 5), "it answers while its log is blocked");
    assert!(goes_on, "it polls while its log is blocked");
    assert!(ended.success(), "{ended}");
    assert!(text.len() > 3 * 65_536, "{} bytes were logged: the pipe was never full", text.len());
    for line in BufReader::new(text.as_bytes()).lines().map(|line| line.expect("text")) {
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "a broken line: {line}");
    }
}
