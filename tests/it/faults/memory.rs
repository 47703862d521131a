//! F15, F16 and F79: whatever is sent, only so much is taken.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use tributary::demo::simulator::Platform;

use super::values::{text, with};
use super::{COUNT, Rig, TOO_LARGE, Then};
use crate::harness::wire::{Good, Hit, Step};
use crate::harness::{plain_feed, plain_record};

/// A body may be so large in these rows.
const CAP: &str = "max_body_bytes = 1048576";

/// White space, which JSON allows, packed a thousandfold.
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
    assert_eq!(rig.calls(), [2; 3], "a large answer is not asked for again");
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

/// Waits until the caller hung up on each wire, and tells how much it took.
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

/// What the two ends of a loopback connection may hold besides what was read.
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
async fn f16_a_failure_whose_words_never_end_is_hung_up_on() {
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

/// The most memory the process held so far, MiB.
fn peak_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1_024)
}

/// Polls as a user does, in a process of its own: what it said, and the most memory it held, MiB.
async fn peak_of_a_poll(rig: &Rig, name: &str) -> (String, u64) {
    let folder = std::env::temp_dir().join(format!("tributary-memory-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    std::fs::write(&config, rig.world.toml()).expect("a config file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .arg("--config")
        .arg(&config)
        .args(["poll", "--json"])
        .env_clear()
        .envs(rig.world.environment())
        .env("DATABASE_URL", &rig.world.db.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut peak = 0;
    while child.try_wait().expect("its state").is_none() {
        peak = peak.max(peak_mib(child.id()).unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let output = child.wait_with_output().expect("what it said");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
    println!("answers of {name}: {peak} MiB at most");
    assert!((1..=128).contains(&peak), "answers of {name}: {peak} MiB");
    (String::from_utf8_lossy(&output.stdout).into_owned(), peak)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f79_a_poller_stays_small_with_answers_of_5_kilobytes_and_5_megabytes() {
    let (said, _) = peak_of_a_poll(&Rig::new().await, "5-KB").await;
    assert_eq!(said.matches("\"complete\"").count(), 3, "{said}");
    // fifty chats of 100 KB on a page; nothing of this size is in the records of the others
    let long = format!("\"{}\"", "tributary ".repeat(10_000));
    let rig = Rig::of(|platform| {
        let feed = plain_feed(platform, COUNT);
        for number in (0..COUNT).filter(|_| platform == Platform::Konvo) {
            let record = plain_record(platform, number, COUNT);
            assert!(feed.replace(with(record, text(platform), &long)));
        }
        feed
    })
    .await;
    let (said, _) = peak_of_a_poll(&rig, "5-MB").await;
    assert_eq!(said.matches("\"complete\"").count(), 3, "{said}");
    assert_eq!(rig.world.number("select count(*) from core.messages where length(body) = 100000").await, 120);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f79_a_poller_stays_small_while_all_providers_send_without_end() {
    let mut rig = Rig::new().await;
    rig.script(&[Hit::new(chunks_without_end).at_request(2).forever()]);
    let (said, _) = peak_of_a_poll(&rig, "any-size").await;
    assert_eq!(said.matches("too_large").count(), 3, "{said}");
    for taken in taken(&rig).await {
        assert!(taken < 3 * IN_THE_SOCKETS, "{taken} bytes were taken");
    }
    rig.heals().await;
}
