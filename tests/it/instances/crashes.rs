//! F71: a poller is killed at the worst points, and the next one leaves the tables as if nothing had happened.

use std::time::Duration;

use tributary::demo::simulator::Platform;

use crate::harness::processes::Providers;

/// Kills a poll at a point that it passed `times` before, lets its lease and claims expire, and polls again.
async fn killed_at(point: &str, times: u32, meetings: usize, platforms: &[Platform], runs_left_open: i64) {
    let providers = Providers::start(platforms, 90, meetings).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage("", 1).await;
    stage.start(&["poll"], &format!("{point}={times}*off->return")).killed().await;
    let open = "select count(*) from ingest.runs where finished_at is null";
    assert!(stage.number(open).await >= runs_left_open, "{}", stage.runs().await);
    assert!(stage.number("select count(*) from core.sessions").await > 0, "it had begun\n{}", stage.runs().await);
    assert_ne!(stage.tables().await, quiet, "it had not ended");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    // a pass counts as dead after a long silence: several may be active
    let silent = "update ingest.runs set heartbeat_at = heartbeat_at - interval '1 hour' where finished_at is null";
    sqlx::query(silent).execute(&stage.world.db.pool).await.expect("an hour passes");
    let mut second = stage.start(&["poll"], "");
    assert!(second.ended().await.success(), "{}\n{}", second.log(), stage.runs().await);
    stage.assert_true(&providers, &quiet).await;
    assert_eq!(stage.number(open).await, 0, "{}", stage.runs().await);
    let crashed = "select count(*) from ingest.runs where error_class = 'crashed' and verdict = 'failed'";
    assert!(stage.number(crashed).await >= runs_left_open, "{}", stage.runs().await);
}

macro_rules! killed_at {
    ($($name:ident: $point:literal on $platforms:expr,)*) => {
        $(#[tokio::test] async fn $name() { killed_at($point, 5, 6, &$platforms, 1).await; })*
    };
}

killed_at! {
    f71_sigkill_after_fetch: "page.after_fetch" on Platform::ALL,
    f71_sigkill_before_writing: "page.before_write" on Platform::ALL,
    f71_sigkill_after_raw_insert: "page.after_raw" on Platform::ALL,
    f71_sigkill_mid_upsert: "page.mid_upsert" on Platform::ALL,
    f71_sigkill_before_commit: "page.before_commit" on Platform::ALL,
    f71_sigkill_after_commit_before_ack: "page.after_commit" on Platform::ALL,
}

/// Artifacts are saved up to 64 at a time: of 200, the second save is killed.
macro_rules! killed_in_a_batch {
    ($($name:ident: $point:literal,)*) => {
        $(#[tokio::test] async fn $name() { killed_at($point, 1, 40, &[Platform::Realtimekit], 1).await; })*
    };
}

killed_in_a_batch! {
    f71_sigkill_after_raw_insert_of_an_artifact: "artifact.after_raw",
    f71_sigkill_before_commit_of_an_artifact: "artifact.before_commit",
    f71_sigkill_after_commit_of_an_artifact: "artifact.after_commit",
}

/// Everything is stored by then, except the journal and the lease.
#[tokio::test]
async fn f71_sigkill_before_the_lease_is_released() {
    let providers = Providers::start(&[Platform::Konvo], 90, 0).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage("", 1).await;
    stage.start(&["poll"], "run.before_release=return").killed().await;
    assert_eq!(stage.tables().await, quiet, "all pages were saved");
    assert_eq!(stage.number("select count(*) from ingest.streams where lease_token is not null").await, 1);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let mut second = stage.start(&["poll"], "");
    assert!(second.ended().await.success(), "{}\n{}", second.log(), stage.runs().await);
    stage.assert_true(&providers, &quiet).await;
    let ends = "select string_agg(coalesce(error_class, verdict), ' ' order by run_id) from ingest.runs";
    assert_eq!(stage.world.text(ends).await.as_deref(), Some("crashed complete"));
}
