//! A service that may open no further file reports this as its own fault, not the provider's.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;

use crate::harness::poller_process::Running;
use crate::harness::{World, plain_feed};

const BLAME: &str = "The provider or the network failed";

/// A service that polls already, so that it has its database connection, may then open no further file. The provider
/// truncates a response, so that the next call needs a socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f74_a_process_without_sockets_blames_itself() {
    let mut world = World::new().await.with_settings("schedule = \"* * * * * *\"");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let folder = std::env::temp_dir().join(format!("tributary-limit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .arg("--config")
        .arg(config)
        .args(["serve", "--role", "poller"])
        .env_clear()
        .envs(world.environment())
        .env("DATABASE_URL", &world.db.url)
        .env("TRIBUTARY_SERVER__LISTEN", "127.0.0.1:0")
        // a run that fails for lack of a database connection keeps its lease
        .env("TRIBUTARY_POLLING__LEASE_SECONDS", "2")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = Running(child.expect("it starts"));
    let polls = "select count(*) from ingest.runs where verdict = 'complete'";
    reaches(&world, polls, 3).await;
    let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id");
    let limit = Rlimit { current: Some(3), maximum: getrlimit(Resource::Nofile).maximum };
    let blamed = "select count(*) from ingest.runs where error_class = 'own_resources'";
    let api = world.api().await;
    let started = Instant::now();
    // a run may also lack a connection to the database to be recorded with, so this tries again
    let health = loop {
        assert!(started.elapsed() < Duration::from_mins(2), "no run blames this machine");
        let complete = world.number(polls).await;
        provider.script(vec![Fault::new(Effect::CutBody).forever()]);
        let before = prlimit(Some(id), Resource::Nofile, limit).expect("a limit");
        tokio::time::sleep(Duration::from_secs(3)).await;
        let is_blamed = world.number(blamed).await > 0;
        let health = api.ok("/v1/health/pollers").await;
        provider.script(Vec::new());
        prlimit(Some(id), Resource::Nofile, before).expect("a limit");
        reaches(&world, polls, complete + 1).await;
        if is_blamed {
            break health;
        }
    };
    assert!(!health.to_string().contains(BLAME), "{health:#}");
    assert_eq!(health["items"][0]["last_error"]["class"], "own_resources", "{health:#}");
    child.kill().expect("ended");
    child.wait().expect("ended");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}

/// Waits until a count is at least `least`.
async fn reaches(world: &World, sql: &'static str, least: i64) {
    let started = Instant::now();
    while world.number(sql).await < least {
        assert!(started.elapsed() < Duration::from_mins(1), "{sql}: not {least}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
