//! Connections: unfinished, idle and unread ones are closed in time, and the cap locks no caller out.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tributary::api::access::tls::Tls;
use tributary::api::connections::{ConnectionLimits, serve};
use tributary::config::TlsConfig;

use super::*;
use crate::harness::serving::{certify, client_of};

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

fn limits() -> ConnectionLimits {
    let millis = Duration::from_millis;
    ConnectionLimits {
        header: millis(300),
        body: millis(300),
        idle: millis(900),
        stalled: millis(600),
        max_connections: 100,
    }
}

/// Serves a router without a database; the returned guard stops it.
async fn served(router: Router, limits: ConnectionLimits) -> (SocketAddr, tokio_util::sync::DropGuard) {
    served_with(None, router, limits).await
}

async fn served_with(
    tls: Option<Arc<Tls>>,
    router: Router,
    limits: ConnectionLimits,
) -> (SocketAddr, tokio_util::sync::DropGuard) {
    let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, tls, router, limits, stop.clone()));
    (address, stop.drop_guard())
}

fn without_database() -> Router {
    Api::over(PgPoolOptions::new().connect_lazy("postgres://app@127.0.0.1:1/none").unwrap()).router
}

/// Sends a whole request and reads the head and the body of its answer.
async fn ask(caller: &mut TcpStream) -> std::io::Result<String> {
    caller.write_all(ASK).await?;
    let mut text = vec![0; 4096];
    let length = caller.read(&mut text).await?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

/// Returns how long it takes until the other side closes.
async fn closed_after(mut caller: TcpStream) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), caller.read_to_end(&mut rest)).await.expect("it is closed");
    began.elapsed()
}

#[tokio::test]
async fn silent_unfinished_and_idle_connections_are_closed_each_after_its_time() {
    let (address, _stop) = served(without_database(), limits()).await;
    let silent = TcpStream::connect(address).await.unwrap();
    let mut unfinished = TcpStream::connect(address).await.unwrap();
    unfinished.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut idle).await.unwrap().starts_with("HTTP/1.1 200"));
    let (silent, unfinished, idle) = tokio::join!(closed_after(silent), closed_after(unfinished), closed_after(idle));
    let (header, most) = (limits().header, limits().idle);
    assert!(
        unfinished >= header.mul_f32(0.9) && unfinished < most.mul_f32(0.9),
        "an unfinished header: {unfinished:?}"
    );
    assert!(silent >= most.mul_f32(0.9), "a silent connection: {silent:?}");
    assert!(idle >= most.mul_f32(0.9), "an idle connection: {idle:?}");
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_no_sign_of_life() {
    let (address, _stop) = served(without_database(), limits()).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    for byte in ASK.iter().cycle() {
        if slow.write_all(&[byte.to_ascii_lowercase().max(b'a')]).await.is_err() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "it stays open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() >= limits().header.mul_f32(0.9));
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_answer_is_cut_off() {
    let big = Router::new().route("/healthz", axum::routing::get(async || vec![b'x'; 64 << 20]));
    let (address, _stop) = served(big, limits()).await;
    let mut caller = TcpStream::connect(address).await.unwrap();
    caller.write_all(ASK).await.unwrap();
    tokio::time::sleep(limits().stalled * 3).await;
    let mut read = Vec::new();
    let _ = caller.read_to_end(&mut read).await;
    assert!(read.len() < 64 << 20, "the rest was still sent");
}

#[tokio::test]
async fn at_the_cap_the_idlest_connection_makes_room_and_a_busy_one_stays() {
    let slow = Router::new()
        .route("/slow", axum::routing::get(async || tokio::time::sleep(Duration::from_millis(1_500)).await))
        .merge(without_database());
    let limits = ConnectionLimits { idle: Duration::from_mins(1), max_connections: 3, ..limits() };
    let (address, _stop) = served(slow, limits).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.unwrap();
    let mut others = Vec::new();
    for _ in 0..20 {
        let mut caller = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut caller).await.unwrap().starts_with("HTTP/1.1 200"));
        others.push(caller);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut answer = vec![0; 64];
    let length = busy.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "the busy one was answered");
    let mut last = others.pop().unwrap();
    assert!(ask(&mut last).await.unwrap().starts_with("HTTP/1.1 200"), "the newest one is open");
    assert_eq!(others[0].read(&mut answer).await.unwrap_or(0), 0, "the oldest one was closed");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let (address, _stop) = served(without_database(), limits()).await;
    let mut caller = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/metrics/query HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{";
    let began = Instant::now();
    caller.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), caller.read_to_end(&mut answer)).await.expect("it is closed");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_too_slow"), "{answer}");
    assert!(began.elapsed() >= limits().body.mul_f32(0.9));
}

#[tokio::test]
async fn a_handshake_that_never_ends_holds_no_other_up_and_is_given_up() {
    let folder = std::env::temp_dir().join(format!("tributary-handshakes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    certify(&folder);
    let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    let tls = Arc::new(Tls::read(&TlsConfig { cert_file, key_file }).unwrap());
    let http = client_of(&folder);
    let (address, _stop) = served_with(Some(Arc::clone(&tls)), without_database(), limits()).await;
    let silent = TcpStream::connect(address).await.unwrap();
    let mut unfinished = TcpStream::connect(address).await.unwrap();
    unfinished.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let (silent, unfinished, answer) = tokio::join!(
        closed_after(silent),
        closed_after(unfinished),
        http.get(format!("https://{address}/healthz")).send()
    );
    assert_eq!(answer.unwrap().status().as_u16(), 200);
    for took in [silent, unfinished] {
        assert!(took >= limits().header.mul_f32(0.9) && took < Duration::from_secs(2), "{took:?}");
    }
    // at the cap they make room
    let minute = Duration::from_mins(1);
    let patient = ConnectionLimits { header: minute, idle: minute, max_connections: 3, ..limits() };
    let (address, _stop) = served_with(Some(tls), without_database(), patient).await;
    let mut callers = Vec::new();
    for _ in 0..6 {
        callers.push(TcpStream::connect(address).await.unwrap());
    }
    let answer = http.get(format!("https://{address}/healthz")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn an_idle_connection_that_freed_its_buffers_answers_again_and_loses_no_byte() {
    let limits = ConnectionLimits { header: Duration::from_secs(20), idle: Duration::from_secs(20), ..limits() };
    let (address, _stop) = served(without_database(), limits).await;
    let (mut idle, mut early) =
        (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    // the second request begins in the packet of the first
    early.write_all(&[ASK, &ASK[..10]].concat()).await.unwrap();
    let mut text = vec![0; 4096];
    let length = early.read(&mut text).await.unwrap();
    assert!(text[..length].starts_with(b"HTTP/1.1 200"));
    for _ in 0..3 {
        assert!(ask(&mut idle).await.unwrap().starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }
    early.write_all(&ASK[10..]).await.unwrap();
    let length = early.read(&mut text).await.unwrap();
    assert!(text[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&text[..length]));
}
