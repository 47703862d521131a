//! The memory of a poller for any input: real processes, measured by the kernel.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tributary::demo::simulator::Platform;
use tributary::demo::simulator::faults::{Effect, Fault};
use tributary::demo::simulator::feed::{FixedFeed, FixedRecord};
use tributary::demo::simulator::quirks::Quirks;

use crate::harness::{World, plain_record};

/// Most resident memory of a poller.
pub(crate) const BOUND_KIB: u64 = 128 * 1024;

/// Creates records with pages of this size, most of it in stored texts.
fn heavy_feed(platform: Platform, pages: usize, page_records: usize, page_bytes: usize) -> Arc<FixedFeed> {
    let count = pages * page_records;
    let text = "All work and no play. ".repeat(page_bytes / page_records / 22 + 1);
    let text = &text[..page_bytes / page_records];
    Arc::new(FixedFeed::new((0..count).map(|number| {
        let record = plain_record(platform, number, count);
        let json = match platform {
            Platform::Konvo => record.json.replace("Hello there", text),
            Platform::Konpro | Platform::Realtimekit => {
                format!("{},\"note\":\"{text}\"}}", record.json.strip_suffix('}').expect("an object"))
            }
        };
        FixedRecord { json, ..record }
    })))
}

/// A poll in a separate process.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) is_complete: bool,
    pub(crate) said: String,
    pub(crate) peak_kib: u64,
}

/// Polls as a user does.
pub(crate) async fn poll_measured(world: &World) -> Measured {
    let config = std::env::temp_dir()
        .join(format!("tributary-memory-{}.toml", world.db.options.get_database().expect("a name")));
    std::fs::write(&config, world.toml()).expect("a config file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("--config").arg(&config).args(["poll", "--json"]).env_clear().envs(world.environment());
    command.env("DATABASE_URL", &world.db.url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut peak_kib = 0;
    while child.try_wait().expect("its state").is_none() {
        let facts = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = facts.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = peak.unwrap_or(0).max(peak_kib);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let output = child.wait_with_output().expect("what it said");
    std::fs::remove_file(&config).expect("the config file");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Measured { is_complete: output.status.success(), said, peak_kib }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f79_p10_a_poller_stays_small_whatever_it_is_sent() {
    for (name, page_bytes, pages) in [("5 KB", 5_000, 20), ("5 MB", 5_000_000, 5), ("8 MB", 8_000_000, 3)] {
        let mut world = World::new().await.with_settings("page_size = 100");
        let mut simulators = Vec::new();
        for platform in Platform::ALL {
            let feed = heavy_feed(platform, pages, 100, page_bytes);
            simulators.push(world.simulate(platform, feed, Quirks::default()).await);
        }
        let Measured { is_complete, peak_kib, .. } = poll_measured(&world).await;
        println!("answers of {name}: peak {} MiB", peak_kib / 1024);
        assert!(is_complete, "answers of {name}");
        let stored = world.number("select count(*) from core.sessions").await;
        assert_eq!(stored, 3 * 100 * i64::try_from(pages).expect("a small number"));
        assert!(peak_kib < BOUND_KIB, "{} MiB with answers of {name}", peak_kib / 1024);
    }
}

/// A response that is larger than any page is refused before it is in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f16_an_answer_of_half_a_gigabyte_is_refused_as_it_comes() {
    let mut world = World::new().await;
    let mut simulators = Vec::new();
    for platform in Platform::ALL {
        let feed = heavy_feed(platform, 1, 10, 5_000);
        let simulator = world.simulate(platform, feed, Quirks::default()).await;
        simulator.script(vec![Fault::new(Effect::OversizedBody { bytes: 500_000_000 }).forever()]);
        simulators.push(simulator);
    }
    let Measured { is_complete, peak_kib, .. } = poll_measured(&world).await;
    println!("answers of 500 MB: peak {} MiB", peak_kib / 1024);
    assert!(!is_complete, "what was not read is not proven");
    assert!(peak_kib < BOUND_KIB, "{} MiB with answers of 500 MB", peak_kib / 1024);
    assert_eq!(world.number("select count(*) from ingest.runs where verdict = 'failed'").await, 3);
}

/// A page of the usual number of records is too large: shorter ranges have shorter pages.
#[tokio::test]
async fn f16_pages_that_are_too_large_are_read_in_shorter_ranges() {
    let mut world = World::new().await.with_settings("history_from = \"2026-03-01T00:00:00Z\"");
    let feed = heavy_feed(Platform::Konvo, 1, 240, 19_000_000);
    let _simulator = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 240);
}
