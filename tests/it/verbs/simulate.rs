//! `tributary simulate`: the configuration that it writes.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
