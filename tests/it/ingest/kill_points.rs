//! F71: a poller is killed at the worst points, and the next one leaves the tables as if nothing had happened.

use std::process::{Command, Stdio};
use std::time::Duration;

use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;

use crate::harness::poller_process::Running;
use crate::harness::processes::Providers;
use crate::harness::{World, plain_feed};

/// The child polls through a config file, as a user would.
fn poll_in_child(world: &World, folder: &std::path::Path) -> Command {
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("--config").arg(config).args(["poll", "--json"]).env_clear();
    command.envs(world.environment()).env("DATABASE_URL", &world.db.url).stdin(Stdio::null());
    command
}

/// Expires the leases and claims of a killed poller. A short lease would expire by itself, but a slow machine could then
/// lose the lease of the next poll too.
async fn expire_leases(world: &World) {
    for sql in [
        "update ingest.streams set lease_until = now() - interval '1 second' where lease_until is not null",
        "update ingest.artifact_tasks set claimed_until = now() - interval '1 second' where claimed_until is not null",
    ] {
        sqlx::query(sql).execute(&world.db.pool).await.expect("they expire");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f71_p01_p02_p08_sigkill_at_any_instant_loses_and_doubles_nothing() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let mut providers = Vec::new();
    for platform in Platform::ALL {
        let provider = world.simulate(platform, plain_feed(platform, 240), Quirks::default()).await;
        provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(15))).forever()]);
        providers.push(provider);
    }
    let folder = std::env::temp_dir().join(format!("tributary-kill-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for round in 0..4_u64 {
        let mut child = Running(poll_in_child(&world, &folder).stdout(Stdio::null()).spawn().expect("it starts"));
        tokio::time::sleep(Duration::from_millis(120 + 90 * round)).await;
        child.kill().expect("killed");
        child.wait().expect("gone");
        expire_leases(&world).await;
    }
    let output = poll_in_child(&world, &folder).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for (what, sql, expected) in [
        ("sessions", "select count(*) from core.sessions", 720),
        ("raw records", "select count(*) from ingest.raw_records", 720),
        ("messages", "select count(*) from core.messages", 480),
        ("open runs", "select count(*) from ingest.runs where finished_at is null", 0),
        (
            "sessions without their raw record",
            "select count(*) from core.sessions s where not exists (select from ingest.raw_records r
              where r.source_id = s.source_id and r.provider_record_id = s.provider_session_id
                and r.content_hash = s.raw_hash)",
            0,
        ),
    ] {
        assert_eq!(world.number(sql).await, expected, "{what}");
    }
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}

/// Kills a poll at a point that it passed `times` before, lets its lease and claims expire, and polls again.
async fn killed_at(point: &str, times: u32, meetings: usize, platforms: &[Platform], runs_left_open: i64) {
    let providers = Providers::start(platforms, 90, meetings).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage("", 45).await;
    stage.start(&["poll"], &format!("{point}={times}*off->return")).killed().await;
    let open = "select count(*) from ingest.runs where finished_at is null";
    assert!(stage.number(open).await >= runs_left_open, "{}", stage.runs().await);
    assert!(stage.number("select count(*) from core.sessions").await > 0, "it had begun\n{}", stage.runs().await);
    assert_ne!(stage.tables().await, quiet, "it had not ended");
    expire_leases(&stage.world).await;
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
    let stage = providers.stage("", 45).await;
    stage.start(&["poll"], "run.before_release=return").killed().await;
    assert_eq!(stage.tables().await, quiet, "all pages were saved");
    assert_eq!(stage.number("select count(*) from ingest.streams where lease_token is not null").await, 1);
    expire_leases(&stage.world).await;
    let mut second = stage.start(&["poll"], "");
    assert!(second.ended().await.success(), "{}\n{}", second.log(), stage.runs().await);
    stage.assert_true(&providers, &quiet).await;
    let ends = "select string_agg(coalesce(error_class, verdict), ' ' order by run_id) from ingest.runs";
    assert_eq!(stage.world.text(ends).await.as_deref(), Some("crashed complete"));
}
