//! A database that is full of other queries or hangs: polls go on, and health answers.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::Selection;
use tributary::app::serving::Role;
use tributary::db::Purpose;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;

use super::unavailable::{Flow, Valve};
use crate::harness::processes::Providers;
use crate::harness::serving::{client, serve};
use crate::harness::{World, noon, plain_feed, plain_record};

#[tokio::test]
async fn f77_a_query_that_runs_for_hours_and_a_start_beside_it_hold_no_poll_up() {
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
        let pool = world.app().pool(Purpose::Poll).await.expect("a pool");
        tributary::db::migrate(&pool, world.db.engine).await.expect("it is current");
    });
    assert!(line.is_complete() && line.updated == 1, "{line:?}");
    analyst.rollback().await.expect("he is done");
}

#[tokio::test]
async fn f75_a_pass_over_many_sessions_needs_no_more_connections_than_there_are() {
    let providers = Providers::start(&[Platform::Realtimekit], 0, 12).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage("", 45).await;
    let mut app = stage.world.app();
    app.config.database.max_connections = 2;
    let lines = tributary::app::polling::poll(&app, &Selection::default(), CancellationToken::new()).await;
    let lines = lines.expect("it polls");
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:#?}");
    stage.assert_true(&providers, &quiet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f80_health_answers_within_a_second_while_the_database_hangs() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let stage = providers.stage("", 5).await;
    stage.world.poll().await;
    let valve = Valve::before(&stage).await;
    let mut app = stage.world.app();
    app.database = valve.url.parse().expect("an address");
    app.config.server.listen = ([127, 0, 0, 1], 0).into();
    let (base, _stop) = serve(app, Role::Api).await;
    let http = client();
    let ask = async |path: &str| {
        let began = Instant::now();
        let answer = http.get(format!("{base}{path}")).send().await.expect("an answer");
        (answer.status().as_u16(), began.elapsed())
    };
    assert_eq!(ask("/readyz").await.0, 200);
    assert_eq!(ask("/v1/health/pollers").await.0, 200);
    valve.flow.send_replace(Flow::Frozen);
    for _ in 0..15 {
        for (path, expected) in [("/healthz", 200), ("/readyz", 503), ("/v1/health/pollers", 503)] {
            let (status, took) = ask(path).await;
            assert_eq!(status, expected, "{path}");
            assert!(took < Duration::from_secs(1), "{path} took {took:?}");
        }
    }
    valve.flow.send_replace(Flow::All);
    let began = Instant::now();
    while ask("/readyz").await.0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "it never gets well again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f75_queries_that_take_every_connection_stop_no_poll() {
    let providers = Providers::start(&[Platform::Konvo], 120, 0).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage("schedule = \"0 0 0 1 1 *\"", 10).await;
    providers.slow_down(Duration::from_millis(200));
    let mut app = stage.world.app();
    app.config.database.max_connections = 3;
    app.config.server.listen = ([127, 0, 0, 1], 0).into();
    let mut locker = stage.world.db.pool.begin().await.expect("a transaction");
    // the API reads this table, polls do not
    sqlx::query("lock table ingest.operations in access exclusive mode").execute(&mut *locker).await.expect("locked");
    let (base, _stop) = serve(app, Role::All).await;
    let http = client();
    for _ in 0..12 {
        let question = http.get(format!("{base}/v1/sync/operations")).send();
        tokio::spawn(question);
    }
    stage.until(1, "select count(*) from ingest.runs where verdict = 'complete'").await;
    assert_eq!(
        stage.number("select count(*) from ingest.runs where verdict <> 'complete'").await,
        0,
        "{}",
        stage.runs().await
    );
    stage.assert_true(&providers, &quiet).await;
    let status = http.get(format!("{base}/healthz")).send().await.expect("an answer").status();
    assert_eq!(status, 200);
    locker.rollback().await.expect("unlocked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_take_every_connection_hold_no_probe_up() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let stage = providers.stage("", 5).await;
    stage.world.poll().await;
    let mut app = stage.world.app();
    app.config.database.max_connections = 3;
    app.config.server.listen = ([127, 0, 0, 1], 0).into();
    let mut locker = stage.world.db.pool.begin().await.expect("a transaction");
    sqlx::query("lock table ingest.operations in access exclusive mode").execute(&mut *locker).await.expect("locked");
    let (base, _stop) = serve(app, Role::Api).await;
    let http = client();
    for _ in 0..12 {
        tokio::spawn(http.get(format!("{base}/v1/sync/operations")).send());
    }
    let waiting = "select count(*) from pg_stat_activity where application_name = 'tributary-api'
                    and datname = current_database() and wait_event_type = 'Lock'";
    stage.until(3, waiting).await;
    for path in ["/readyz", "/v1/health/pollers", "/v1/freshness"] {
        let began = Instant::now();
        let status = http.get(format!("{base}{path}")).send().await.expect("an answer").status();
        assert_eq!((path, status.as_u16()), (path, 200));
        assert!(began.elapsed() < Duration::from_secs(1), "{path} took {:?}", began.elapsed());
    }
    assert_eq!(stage.number(waiting).await, 3, "the queries were there all the time");
    locker.rollback().await.expect("unlocked");
}
