//! F15, F16 and F79: a poller reads a bounded amount of any response, also as a process measured by the kernel.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;

use super::{Rig, TOO_LARGE, Then};
use crate::harness::wire::{Good, Hit, Step};
use crate::harness::{World, plain_record};

/// The largest body in these rows.
const CAP: &str = "max_body_bytes = 1048576";

/// White space, which JSON allows, compressed a thousandfold.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&blank).expect("packed");
    }
    encoder.write_all(b"{}").expect("packed");
    encoder.finish().expect("packed")
}

async fn is_too_large(hit: Hit) -> Rig {
    let mut rig = Rig::new().await;
    rig.world.set_http(CAP);
    rig.script(&[hit.at_request(2).forever()]);
    rig.meets(TOO_LARGE).await;
    // the window is split until splitting does not help any more
    let calls = rig.calls();
    assert!(calls.iter().all(|calls| (3..=40).contains(calls)), "it is not asked for without end: {calls:?}");
    rig
}

#[tokio::test]
async fn f15_a_small_gzip_does_not_become_a_large_one() {
    let bomb = bomb();
    assert!(bomb.len() < 1 << 19, "{} bytes are sent", bomb.len());
    let hit = Hit::new(move |good| {
        let more = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", bomb.len());
        vec![Step::Send(good.with(200, &more, &bomb))]
    });
    is_too_large(hit).await.heals().await;
}

/// Waits until the caller has closed each wire, and returns how much it read.
async fn taken(rig: &Rig) -> Vec<usize> {
    let mut taken = Vec::new();
    for (platform, wire) in &rig.wires {
        for _ in 0..500 {
            if !wire.hang_ups().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        taken.push(*wire.hang_ups().first().unwrap_or_else(|| panic!("{platform:?}: the connection is still open")));
    }
    taken
}

/// The most bytes that the two ends of a loopback connection may buffer beyond those read.
const IN_THE_SOCKETS: usize = 16 << 20;

#[tokio::test]
async fn f16_a_gigantic_body_is_not_read() {
    let endless = |good: &Good| {
        let head = good.with(200, "content-length: 5000000000\r\n", b"");
        vec![Step::Send(head), Step::Endless(vec![b' '; 64 << 10], Duration::ZERO)]
    };
    let mut rig = is_too_large(Hit::new(endless)).await;
    for taken in taken(&rig).await {
        assert!(taken < IN_THE_SOCKETS, "{taken} bytes were taken");
    }
    rig.heals().await;
}

/// A chunk of 64 KiB of white space.
fn chunk() -> Vec<u8> {
    [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat()
}

fn chunks_without_end(good: &Good) -> Vec<Step> {
    let head = good.with(200, "transfer-encoding: chunked\r\n", b"");
    vec![Step::Send(head), Step::Endless(chunk(), Duration::ZERO)]
}

#[tokio::test]
async fn f16_chunks_without_end_are_hung_up_on() {
    let mut rig = is_too_large(Hit::new(chunks_without_end)).await;
    for taken in taken(&rig).await {
        assert!(taken < IN_THE_SOCKETS, "{taken} bytes were taken");
    }
    rig.heals().await;
}

#[tokio::test]
async fn f16_a_failure_whose_body_never_ends_is_hung_up_on() {
    let mut rig = Rig::new().await;
    let endless = |good: &Good| {
        let head = good.with(500, "transfer-encoding: chunked\r\n", b"");
        vec![Step::Send(head), Step::Endless(chunk(), Duration::ZERO)]
    };
    rig.script(&[Hit::new(endless).at_request(2)]);
    rig.meets(Then::Recovers).await;
    for taken in taken(&rig).await {
        assert!(taken < IN_THE_SOCKETS, "{taken} bytes were taken");
    }
    rig.heals().await;
}

#[tokio::test]
async fn f16_headers_without_end_are_hung_up_on() {
    let mut rig = Rig::new().await;
    let endless = |_: &Good| {
        let line = format!("x-a: {}\r\n", "b".repeat(1_000)).into_bytes();
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Endless(line, Duration::ZERO)]
    };
    rig.script(&[Hit::new(endless).at_request(2).forever()]);
    rig.meets(super::TRANSIENT).await;
    for taken in taken(&rig).await {
        assert!(taken < IN_THE_SOCKETS, "{taken} bytes were taken");
    }
    rig.heals().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f79_a_poller_stays_small_while_all_providers_send_without_end() {
    let mut rig = Rig::new().await;
    rig.script(&[Hit::new(chunks_without_end).at_request(2).forever()]);
    let measured = poll_measured(&rig.world).await;
    assert_eq!(measured.said.matches("too_large").count(), 3, "{measured:?}");
    assert!(measured.peak_kib < BOUND_KIB, "{measured:?}");
    for taken in taken(&rig).await {
        assert!(taken < 3 * IN_THE_SOCKETS, "{taken} bytes were taken");
    }
    rig.heals().await;
}

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
async fn f79_p10_a_poller_stays_small_for_every_answer() {
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
