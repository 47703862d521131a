//! `tributary simulate`: the configuration that it writes. `tributary demo`: its end with the reader of its output.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::World;
use crate::harness::poller_process::Running;

#[tokio::test]
async fn the_written_key_file_is_readable_by_its_owner_alone() {
    let folder = std::env::temp_dir().join(format!("tributary-simulate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (config, key) = (folder.join("tributary.toml"), folder.join("tributary.toml.key"));
    // one that was there, readable for all
    std::fs::write(&key, "old").expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(["simulate", "--port", "0", "--write-config"]).arg(&config).env_clear();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _child = Running(child.expect("it starts"));
    let began = Instant::now();
    while std::fs::read_to_string(&key).is_ok_and(|text| text != "simulated-key") {
        assert!(began.elapsed() < Duration::from_mins(1), "it writes no key");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mode = std::fs::metadata(&key).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_whose_output_is_no_longer_read_ends_quietly() {
    let world = World::new().await;
    let folder = std::env::temp_dir().join(format!("tributary-demo-{}", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(&folder).env_clear();
    command.env("DATABASE_URL", &world.db.url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let ended = tokio::task::spawn_blocking(move || {
        // up to the line that follows the start of the service
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let page = output.lines().map_while(Result::ok).find(|line| line.starts_with("  Page "));
        (page, child.wait_with_output().expect("it ends"))
    });
    let ended = tokio::time::timeout(Duration::from_mins(3), ended).await.expect("it goes on");
    let (page, output) = ended.expect("it ran");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(page.is_some() && output.status.success() && !told.contains("panicked"), "{}: {told}", output.status);
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}
