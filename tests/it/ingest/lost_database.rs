//! A database that is lost during a poll is waited for, and its faults are never reported as the provider's.

use std::process::{Command, Stdio};
use std::time::Duration;

use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;

use crate::harness::poller_process::Running;
use crate::harness::{World, plain_feed};

const BLAME: &str = "The provider or the network failed";

#[tokio::test]
async fn f74_a_database_that_cannot_give_leave_to_call_is_the_database() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    sqlx::query("drop function ingest.reserve_call").execute(&world.db.pool).await.expect("it is gone");
    let line = world.poll_one().await;
    let detail = line.detail.clone().unwrap_or_default();
    assert!(line.result == "failed" && detail.starts_with("database: "), "{line:?}");
    assert!(detail.contains("Postgres") && !detail.contains(BLAME), "{detail}");
    assert_eq!(provider.requests().len(), 0);
    let health = world.api().await.ok("/v1/health/pollers").await;
    let error = &health["items"][0]["last_error"];
    assert_eq!(error["class"], "database");
    assert!(error["advice"].as_str().is_some_and(|advice| advice.contains("Postgres")), "{error:#}");
}

#[tokio::test]
async fn f73_a_database_lost_in_the_middle_of_a_poll_costs_nothing() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 200), Quirks::default()).await;
    let options = world.db.options.clone();
    let cut = move || {
        let options = options.clone();
        tokio::spawn(async move {
            use sqlx::ConnectOptions;
            let mut admin = options.application_name("saboteur").connect().await.expect("connected");
            sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and application_name like 'tributary%'",
            )
            .execute(&mut admin)
            .await
            .expect("terminated");
        });
    };
    provider.script(vec![
        Fault::new(Effect::before(cut.clone())).from_request(3),
        Fault::new(Effect::before(cut)).from_request(6),
        Fault::new(Effect::Delay(Duration::from_millis(60))).from_request(4).forever(),
    ]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 200);
    assert_eq!(world.number("select count(*) from core.messages").await, 400);
}

#[tokio::test]
async fn f73_a_database_that_is_down_at_the_start_is_waited_for() {
    let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["migrate"])
        .env_clear()
        .env("DATABASE_URL", "postgres://nobody:secret-password@127.0.0.1:1/none")
        .env("TRIBUTARY_CONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = Running(child.expect("it starts"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(child.try_wait().expect("its state").is_none(), "it waits for a server that may be starting");
    child.kill().expect("ended");
    child.wait().expect("ended");
}
