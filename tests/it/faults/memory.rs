//! F15, F16 and F79: a poller reads a bounded amount of any response.

use std::io::Write;
use std::time::Duration;

use super::{Rig, TOO_LARGE, Then};
use crate::harness::wire::{Good, Hit, Step};
use crate::memory::{BOUND_KIB, poll_measured};

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
