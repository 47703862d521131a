//! A full disk: a small file system of its own, which root alone may mount. Where it cannot be mounted, the test says
//! so.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::harness::poller_process::Running;

/// A cluster and its write-ahead log need half of it.
const SIZE: &str = "size=160m";
/// Two signs of life, and a try whether there is space.
const NOTICED_WITHIN: Duration = Duration::from_mins(1);

struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts a disk; `None`, with a line that says so, where that is not allowed.
    fn mount() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tributary-disk-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: a disk cannot be mounted here");
        let _ = std::fs::remove_dir(folder);
        None
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).expect("a file");
        for block in [vec![0; 1 << 20], vec![0; 4_096], vec![0; 1]] {
            while file.write_all(&block).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test]
async fn a_service_with_its_own_postgres_ends_with_exit_code_1_when_the_disk_is_full() {
    let Some(disk) = SmallDisk::mount() else { return };
    let log = std::env::temp_dir().join(format!("tributary-disk-{}.log", std::process::id()));
    let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["serve", "--role", "api", "--embedded", "--data"])
        .arg(disk.0.join("data"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TRIBUTARY_CONFIG", "/dev/null")
        .env("TRIBUTARY_SERVER__LISTEN", "127.0.0.1:0")
        .env("TRIBUTARY_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("a log"))
        .spawn()
        .expect("it starts");
    let mut child = Running(child);
    let logged = || std::fs::read_to_string(&log).unwrap_or_default();
    let began = Instant::now();
    while !logged().contains("\"answering\"") {
        assert!(began.elapsed() < NOTICED_WITHIN, "{}", logged());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    disk.fill();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            break status;
        }
        assert!(began.elapsed() < NOTICED_WITHIN, "it never ends\n{}", logged());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(status.code(), Some(1), "{}", logged());
    assert!(logged().contains("tributary: the disk is full"), "{}", logged());
    std::fs::remove_file(&log).expect("cleaned up");
}
