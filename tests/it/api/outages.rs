//! Outages of the database: what callers of commands are told, and what the log says.

use sqlx::AssertSqlSafe;
use tributary_simulator::Platform;

use super::*;
use crate::db::unavailable::{Flow, Valve};
use crate::harness::World;
use crate::harness::logs::Logs;
use crate::harness::processes::{EVERY_SECOND, Providers};

#[tokio::test]
async fn a_command_at_a_read_only_database_names_that() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let stage = providers.stage("", 10).await;
    stage.world.poll().await;
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&stage.world.db.pool).await.unwrap();
    let set = format!("alter database {name} set default_transaction_read_only = on");
    sqlx::raw_sql(AssertSqlSafe(set)).execute(&stage.world.db.pool).await.unwrap();
    // connections that begin now
    let pool = PgPoolOptions::new().connect_lazy_with(stage.world.db.options.clone());
    let answer = Api::over(pool).send("POST", "/v1/sync/sources/konvo/pause", &[]).await;
    let problem = answer.json();
    assert_eq!((answer.status.as_u16(), &problem["code"]), (503, &json!("database_unavailable")), "{problem:#}");
    assert_eq!(problem["title"], "The database is unavailable");
    let detail = "The database is read-only. Nothing was started. Retry in a moment.";
    assert_eq!(problem["detail"], detail);
}

#[tokio::test]
async fn a_503_of_strict_health_is_no_error_of_the_log() {
    let (logs, _caught) = Logs::caught();
    let api = Api::new().await;
    let answer = api.send("GET", "/v1/health/pollers?strict=true", &[]).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (503, &json!("streams_failing")));
    assert!(!logs.text().contains("response failed") && !logs.text().contains("ERROR"), "{}", logs.text());
}

#[tokio::test]
async fn an_outage_is_logged_once_for_each_work_that_looks_and_blames_none() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let mut stage = providers.stage(EVERY_SECOND, 10).await;
    let valve = Valve::before(&stage).await;
    stage.url.clone_from(&valve.url);
    let mut poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.runs where verdict = 'complete'").await;
    valve.flow.send_replace(Flow::Nothing);
    poller.logged("no erasure could be looked for").await;
    poller.logged("no backfill could be looked for").await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    valve.flow.send_replace(Flow::All);
    let before = stage.number("select count(*) from ingest.runs where verdict = 'complete'").await;
    stage.until(before + 2, "select count(*) from ingest.runs where verdict = 'complete'").await;
    let log = poller.log();
    for once in ["no erasure could be looked for", "no backfill could be looked for"] {
        assert_eq!(log.matches(once).count(), 1, "{once}\n{log}");
    }
    for never in
        ["an erasure could not be continued", "the backfill worker failed", "a backfill could not be continued"]
    {
        assert!(!log.contains(never), "{never}\n{log}");
    }
    assert!(poller.end().await.success(), "{}", poller.log());
}

#[tokio::test]
async fn a_stream_that_becomes_stale_without_a_failed_run_is_an_error_of_the_log_once() {
    use chrono::TimeDelta;
    use tributary_simulator::faults::{Effect, Fault, RetryAfter};
    use tributary_simulator::quirks::Quirks;

    let (logs, _caught) = Logs::caught();
    let mut world = World::new().await;
    let feed = crate::harness::plain_feed(Platform::Konvo, 3);
    let provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    provider.script(vec![Fault::new(Effect::RateLimited(RetryAfter::Seconds(60))).forever()]);
    let errors = || {
        let text = logs.text();
        text.lines().filter(|line| line.contains("ERROR") && line.contains("run ended")).count()
    };
    // fifteen minutes are allowed
    for (minutes, expected) in [(10, 0), (16, 1), (18, 1)] {
        world.clock.set(crate::harness::noon() + TimeDelta::minutes(minutes));
        assert_eq!(world.poll_one().await.result, "rate_limited");
        assert_eq!(errors(), expected, "after {minutes} minutes\n{}", logs.text());
    }
}
