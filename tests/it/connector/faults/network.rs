//! F06–F13, F17 and F21–F25: faults of the network.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::{AUTH, CONFIG, CONTRACT, Rig, TRANSIENT, Then, row, rows_of_calls, uncounted};
use crate::harness::wire::{Good, Hit, Step, Wire};
use crate::harness::{API_KEY, World, plain_feed, simulator};

/// The first half of the body after these headers, then `end`.
fn half(more: &'static str, end: Step) -> Hit {
    Hit::new(move |good| {
        let announced = more.replace("{length}", &good.body.len().to_string());
        let bytes = good.with(good.status, &announced, &good.body[..good.body.len() / 2]);
        vec![Step::Send(bytes), end.clone()]
    })
}

#[tokio::test]
async fn f06_a_burst_of_500_is_not_seen() {
    row(&[Hit::answer(500, "", "{}").at_request(2).times(3)], Then::Recovers).await;
}

#[tokio::test]
async fn f06_a_page_that_always_fails_moves_nothing() {
    row(&[Hit::answer(500, "", r#"{"message":"internal"}"#).at_request(2).forever()], TRANSIENT).await;
}

#[tokio::test]
async fn f07_503_408_and_425_pass() {
    let each = [503, 408, 425].map(|status| Hit::answer(status, "", "{}").at_request(2));
    row(&each, Then::Recovers).await;
}

#[tokio::test]
async fn f07_a_501_is_not_retried() {
    rows_of_calls([Hit::answer(501, "", "{}")], CONFIG, 1).await;
}

#[tokio::test]
async fn f08_a_provider_that_takes_no_connection() {
    let mut rig = Rig::new().await;
    for (_, wire) in &rig.wires {
        wire.shut();
    }
    // the listener may still be closing when the first request arrives
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.meets(TRANSIENT).await;
    assert_eq!(rig.calls(), [0; 3]);
    rig.heals().await;
}

#[tokio::test]
async fn f08_a_provider_that_takes_no_second_connection() {
    row(&[Hit::new(|_| vec![Step::Shut]).at_request(2)], TRANSIENT).await;
}

#[tokio::test]
async fn f08_a_name_that_cannot_be_found() {
    let mut world = World::new().await;
    // no name may have so long a part: it is refused here, before any call
    world.poll_elsewhere("konvo", &format!("https://{}.test", "a".repeat(64)));
    let line = world.poll_one().await;
    assert_eq!((line.result, line.complete_through.as_deref()), ("failed", None), "{line:?}");
    assert!(line.detail.as_deref().is_some_and(|detail| detail.starts_with("transient")), "{line:?}");
}

#[tokio::test]
async fn f08_nothing_is_sent_before_a_handshake_succeeds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let log = Arc::clone(&heard);
    let host = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 4_096];
            let read = stream.read(&mut bytes).await.unwrap_or_default();
            log.lock().expect("the log").extend_from_slice(&bytes[..read]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let mut world = World::new().await;
    world.poll_elsewhere("konvo", &format!("https://{address}"));
    let line = world.poll_one().await;
    host.abort();
    assert!(line.detail.as_deref().is_some_and(|detail| detail.starts_with("transient")), "{line:?}");
    let heard = heard.lock().expect("the log").clone();
    assert!(!heard.is_empty(), "it was asked");
    assert!(!String::from_utf8_lossy(&heard).contains(API_KEY), "the key is not sent in the clear");
}

#[tokio::test]
async fn f09_a_reset_before_the_answer() {
    row(&[Hit::new(|_| vec![Step::Reset]).at_request(2)], Then::Recovers).await;
}

#[tokio::test]
async fn f10_a_reset_in_the_body() {
    row(&[half("content-length: {length}\r\n", Step::Reset).at_request(2)], Then::Recovers).await;
}

#[tokio::test]
async fn f11_an_end_before_the_stated_length() {
    row(&[half("content-length: {length}\r\n", Step::Close).at_request(2)], Then::Recovers).await;
    row(&[half("content-length: {length}\r\n", Step::Close).at_request(2).forever()], TRANSIENT).await;
}

#[tokio::test]
async fn f11_two_lengths_that_contradict_each_other() {
    let two = |good: &Good| {
        let more = format!("content-length: {}\r\ncontent-length: {}\r\n", good.body.len(), good.body.len() / 2);
        vec![Step::Send(good.with(200, &more, &good.body)), Step::Close]
    };
    row(&[Hit::new(two).at_request(2)], Then::Recovers).await;
}

#[tokio::test]
async fn f12_a_close_delimited_body_is_cut() {
    row(&[half("connection: close\r\n", Step::Close).at_request(2)], Then::Recovers).await;
    row(&[half("connection: close\r\n", Step::Close).at_request(2).forever()], TRANSIENT).await;
}

#[tokio::test]
async fn f12_a_close_delimited_body_that_is_whole_is_taken() {
    let whole = |good: &Good| vec![Step::Send(good.with(200, "connection: close\r\n", &good.body)), Step::Close];
    let mut rig = Rig::new().await;
    rig.script(&[Hit::new(whole).forever()]);
    rig.meets(Then::Recovers).await;
    rig.heals().await;
}

/// Returns the body in chunks of 700 bytes, up to the fraction `part` of it.
fn chunks(good: &Good, part: usize, of: usize) -> Vec<u8> {
    let mut sent = good.with(good.status, "transfer-encoding: chunked\r\n", b"");
    for chunk in good.body[..good.body.len() * part / of].chunks(700) {
        sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    sent
}

#[tokio::test]
async fn f13_chunks_without_a_last_one() {
    let cut = |good: &Good| vec![Step::Send(chunks(good, 1, 2)), Step::Close];
    row(&[Hit::new(cut).at_request(2)], Then::Recovers).await;
    // all the bytes are there, but the end of the body is not marked
    let unsaid = |good: &Good| vec![Step::Send(chunks(good, 1, 1)), Step::Close];
    row(&[Hit::new(unsaid).at_request(2).forever()], TRANSIENT).await;
}

#[tokio::test]
async fn f13_chunks_of_no_length() {
    let broken = |good: &Good| {
        let bytes = [chunks(good, 1, 2), b"zz\r\n".to_vec()].concat();
        vec![Step::Send(bytes), Step::Close]
    };
    row(&[Hit::new(broken).at_request(2)], Then::Recovers).await;
}

#[tokio::test]
async fn f17_headers_that_never_end() {
    let drip = |_: &Good| {
        let pause = Duration::from_millis(50);
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Endless(b"x-a: b\r\n".to_vec(), pause)]
    };
    ends_in_time(Hit::new(drip)).await;
}

#[tokio::test]
async fn f17_a_body_that_drips() {
    let drip = |good: &Good| {
        let head = good.with(200, "content-length: 100000\r\n", b"{");
        vec![Step::Send(head), Step::Endless(b" ".to_vec(), Duration::from_millis(50))]
    };
    ends_in_time(Hit::new(drip)).await;
}

#[tokio::test]
async fn f17_a_provider_that_says_nothing() {
    ends_in_time(Hit::new(|_| vec![Step::Silence])).await;
}

/// The second page never ends. The run does, and closes the connection.
async fn ends_in_time(hit: Hit) {
    let mut rig = Rig::new().await;
    rig.world.set_http("read_timeout_ms = 2000\ntotal_timeout_ms = 700");
    // the first page has more time: only a page that never ends is too slow on any machine
    rig.script(&[hit.at_request(1).forever()]);
    rig.meets(TRANSIENT).await;
    assert_eq!(rig.calls(), [4; 3]);
    for (platform, wire) in &rig.wires {
        for _ in 0..200 {
            if wire.hang_ups().len() == 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(wire.hang_ups().len(), 4, "{platform:?}: we hung up each time");
    }
    rig.heals().await;
}

#[tokio::test]
async fn f21_a_key_that_is_refused_is_tried_once_a_run() {
    let mut rig = Rig::new().await;
    rig.script(&[Hit::answer(401, "", r#"{"message":"Unauthorized"}"#).times(2)]);
    rig.meets(AUTH).await;
    rig.meets(AUTH).await;
    assert_eq!(rig.calls(), [2; 3], "two runs, two calls");
    rig.heals().await;
}

#[tokio::test]
async fn f21_one_stream_that_is_forbidden_costs_no_other() {
    let mut world = World::new().await.with_depth();
    let clock = Arc::clone(&world.clock) as Arc<dyn tributary::clock::Clock>;
    let platform = Platform::Realtimekit;
    let wire = Wire::before(simulator(platform, plain_feed(platform, 3), uncounted(), clock).await).await;
    world.poll_elsewhere("realtimekit", &wire.base_url());
    let forbidden = || Hit::answer(403, "", r#"{"success":false,"errors":[{"message":"no permission"}]}"#);
    wire.script(vec![forbidden().only("/participants").forever()]);
    let lines = world.poll().await;
    let line = |stream: &str| lines.iter().find(|line| line.stream == stream).expect("a line");
    assert!(line("sessions").is_complete(), "{lines:?}");
    assert!(!line("participants").is_complete(), "{lines:?}");
    assert!(line("participants").detail.as_deref().is_some_and(|d| d.starts_with("auth_failed")), "{lines:?}");
    assert!(wire.seen().iter().any(|seen| seen.head.contains("/transcript")), "the others are asked for");
    wire.script(Vec::new());
    world.clock.set(crate::harness::noon() + chrono::TimeDelta::hours(2));
    let lines = world.poll().await;
    let participants = lines.iter().find(|line| line.stream == "participants").expect("a line");
    assert!(participants.is_complete(), "{participants:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
}

#[tokio::test]
async fn f22_a_token_that_expires_between_pages() {
    rows_of_calls([Hit::answer(401, "", r#"{"message":"Token expired"}"#)], AUTH, 2).await;
}

#[tokio::test]
async fn f23_an_unrequested_304() {
    let mut rig = Rig::new().await;
    let stale = |good: &Good| vec![Step::Send(good.with(304, "etag: \"a\"\r\n", b""))];
    rig.script(&[Hit::new(stale).at_request(2).forever()]);
    rig.meets(CONTRACT).await;
    rig.heals().await;
    for (_, wire) in &rig.wires {
        let conditional = ["if-none-match", "if-modified-since"];
        let seen = wire.seen();
        let asked = seen.iter().find(|seen| conditional.iter().any(|name| seen.head.to_lowercase().contains(name)));
        assert!(asked.is_none(), "{asked:?}");
    }
}

#[tokio::test]
async fn f24_a_connection_that_is_closed_between_requests() {
    // after each response, without notice; the next request may be in flight
    let mut rig = Rig::new().await;
    rig.script(&[Hit::new(|good| vec![Step::Send(good.whole()), Step::Close]).forever()]);
    rig.meets(Then::Recovers).await;
    rig.heals().await;
    // after the request was received, without a response
    row(&[Hit::new(|_| vec![Step::Close]).at_request(2)], Then::Recovers).await;
}

#[tokio::test]
async fn f24_an_unrequested_answer_is_no_answer_to_the_next_request() {
    let twice = |good: &Good| vec![Step::Send([good.whole(), good.whole()].concat())];
    row(&[Hit::new(twice).times(2)], Then::Recovers).await;
}

#[tokio::test]
async fn f25_a_proxys_502_in_html() {
    let html = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    row(&[Hit::answer(502, "content-type: text/html\r\n", html).at_request(2).times(2)], Then::Recovers).await;
}

/// The usual configuration: the rows must not detect faults of the rig itself.
#[tokio::test]
async fn f00_an_undisturbed_rig_is_complete_and_keeps_connections() {
    let mut rig = Rig::new().await;
    rig.meets(Then::Recovers).await;
    // on a busy machine a connection may not be back in its pool when the next request is sent
    let connections: usize = rig.wires.iter().map(|(_, wire)| wire.connections()).sum();
    let requests: usize = rig.wires.iter().map(|(_, wire)| wire.seen().len()).sum();
    assert!(connections < requests, "{connections} connections for {requests} requests");
    for (platform, wire) in &rig.wires {
        assert!(wire.seen().iter().all(|seen| seen.head.contains(API_KEY)), "{platform:?}");
        assert!(wire.seen().windows(2).all(|two| two[0].at <= two[1].at));
    }
    rig.heals().await;
    assert_eq!(Quirks::default().clock_skew_seconds, 0);
}
