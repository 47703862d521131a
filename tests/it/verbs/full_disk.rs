//! A full disk: a small file system of its own, which root alone may mount. Where it cannot be mounted, the test says
//! so.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tributary::embedded::{Server, ServerSettings};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use crate::harness::poller_process::serve_embedded;
use crate::harness::processes::{EVERY_SECOND, Providers};
use crate::harness::serving::{client, free_port};

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
        let filler = self.0.join("filler");
        let mut file = OpenOptions::new().create(true).append(true).open(filler).expect("a file");
        for block in [vec![0; 1 << 20], vec![0; 4_096], vec![0; 1]] {
            while file.write_all(&block).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("it was filled");
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
    let mut child = serve_embedded(&disk.0.join("data"), File::create(&log).expect("a log").into());
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

/// The database has a server of its own, so the service goes on while the disk is full.
#[tokio::test]
async fn a_disk_that_stays_full_is_named_as_ours_and_forgotten_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let data_dir = disk.0.join("data");
    let settings =
        ServerSettings { data_dir, bin_dir: None, search_path: Vec::new(), fetch: None, tcp: None, durable: true };
    let server = Server::start(&settings).expect("it starts");
    server.create_database().await.expect("a database");
    let providers = Providers::start(&[Platform::Konvo], 200, 0).await;
    let began = Instant::now();
    let mut stage = providers.stage(EVERY_SECOND, 10).await;
    stage.url = format!("postgres://tributary@localhost/tributary?host={}", server.socket_dir().display());
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let of_one_server = format!("export TRIBUTARY_DATABASE__ENGINE=postgres TRIBUTARY_SERVER__LISTEN=127.0.0.1:{port}");
    let mut service = stage.start_within(&of_one_server, &["serve"]);
    let http = client();
    let ask = async |path: &str| match http.get(format!("{base}{path}")).send().await {
        Ok(answer) => (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default()),
        Err(_) => (0, Value::Null),
    };
    let health = async || ask("/v1/health/pollers").await.1;
    let is_well = |health: &Value| {
        health["problems"] == json!([])
            && health["items"][0]["state"] == "idle"
            && health["items"][0]["failing_because"] == json!([])
    };
    while !is_well(&health().await) || health().await["items"][0]["last_success_at"].is_null() {
        assert!(began.elapsed() < NOTICED_WITHIN, "{}", service.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let (full_at, mut named_at, mut seen) = (Instant::now(), None, BTreeSet::new());
    while full_at.elapsed() < Duration::from_secs(100) {
        disk.fill();
        let (status, health) = ask("/v1/health/pollers").await;
        let class = health["problems"][0]["class"].as_str().or(health["detail"].as_str()).unwrap_or("none");
        let of_stream = health["items"][0]["last_error"]["class"].as_str().unwrap_or("none");
        seen.insert(format!("{status} {class} {of_stream}"));
        if class == "database_disk_full" {
            named_at.get_or_insert(full_at.elapsed());
            assert_eq!(health["database"]["is_writable"], false);
            assert_eq!((ask("/readyz").await.0, ask("/healthz").await.0), (200, 200), "stored data is answered");
        } else {
            assert!(named_at.is_none(), "{class} after it was named\n{}", service.log());
        }
        assert!(["none", "database", "clock_skew"].contains(&of_stream), "the provider is not at fault: {health:#}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("named after {named_at:?}: {seen:?}");
    assert!(named_at.is_some_and(|after| after < NOTICED_WITHIN), "{named_at:?} {seen:?}\n{}", service.log());

    // the clock of the provider stands still, unless it is set
    let skew = i64::try_from(began.elapsed().as_secs()).expect("a minute");
    providers.simulators[0].1.set_quirks(Quirks {
        clock_skew_seconds: skew,
        calls_per_window: 100_000_000,
        ..Quirks::default()
    });
    disk.make_room();
    let room_at = Instant::now();
    while !is_well(&health().await) {
        assert!(room_at.elapsed() < Duration::from_secs(20), "{:#}\n{}", health().await, service.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("forgotten after {:?}", room_at.elapsed());
    assert!(service.end().await.success(), "{}", service.log());
}
