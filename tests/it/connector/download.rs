//! Files behind links: sent headers, accepted responses and sizes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod targets;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tributary::clock::Dice;
use tributary::connector::download::target::AddressPolicy;
use tributary::connector::download::{Download, DownloadLimits, Downloader};
use tributary::connector::error::{PullError, PullErrorKind};

const SECRET: &str = "X-Amz-Signature=0123abcd-do-not-tell";

fn limits() -> DownloadLimits {
    DownloadLimits { max_file_bytes: 100_000, ..DownloadLimits::default() }
}

fn downloader(limits: DownloadLimits, policy: AddressPolicy) -> Downloader {
    Downloader::new(limits, policy, Arc::new(Dice::seeded(3))).unwrap()
}

/// A host that responds byte by byte: it writes the pieces with pauses between them, and then closes the connection.
struct Host {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

type Pieces = Vec<Vec<u8>>;

impl Host {
    async fn start(script: impl Fn(usize) -> Pieces + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (log, script) = (Arc::clone(&heads), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&script)));
            }
        });
        Self { address, heads, task }
    }

    fn link(&self) -> String {
        format!("http://{}/bucket/file.json?{SECRET}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<String>>>,
    script: Arc<impl Fn(usize) -> Pieces + Send + Sync>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    // every connection counts, with or without a request
    let index = {
        let mut log = log.lock().unwrap();
        log.push(String::new());
        log.len() - 1
    };
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    log.lock().unwrap()[index] = String::from_utf8_lossy(&head).to_ascii_lowercase();
    for piece in script(index) {
        if stream.write_all(&piece).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = stream.shutdown().await;
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Pieces {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n");
    vec![[head.as_bytes(), body].concat()]
}

fn whole(body: &[u8]) -> Pieces {
    answer("200 OK", &format!("content-length: {}\r\n", body.len()), body)
}

fn redirect(location: &str) -> Pieces {
    answer("302 Found", &format!("content-length: 0\r\nset-cookie: a=b\r\nlocation: {location}\r\n"), b"")
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

async fn fetch(host: &Host) -> Result<Download, PullError> {
    downloader(limits(), AddressPolicy::Loopback).fetch(&host.link(), "transcript file").await
}

/// Returns the failure, which contains nothing of the link.
fn failure(result: Result<Download, PullError>) -> PullError {
    let error = result.unwrap_err();
    let text = format!("{error} {error:?}");
    for part in ["bucket", "Signature", "0123abcd", "127.0.0.1", "secret.test"] {
        assert!(!text.contains(part), "{text}");
    }
    assert_eq!(error.call, "transcript file");
    error
}

#[tokio::test]
async fn f61_p09_a_file_comes_whole_and_nothing_is_sent_along() {
    let last = Host::start(|_| answer("200 OK", "content-type: Text/CSV; charset=utf-8\r\n", b"a,b\r\n")).await;
    let target = last.link();
    let first = Host::start(move |_| redirect(&target)).await;
    let file = fetch(&first).await.unwrap();
    let content_type = Some("text/csv".to_owned());
    assert_eq!(file, Download { body: b"a,b\r\n".to_vec(), content_type, is_end_shown: false });
    for head in first.heads().into_iter().chain(last.heads()) {
        assert!(head.starts_with("get /bucket/file.json?x-amz-signature="), "{head}");
        for forbidden in ["authorization", "x-api-key", "cookie", "referer", "origin"] {
            assert!(!head.contains(&format!("\r\n{forbidden}:")), "{head}");
        }
    }
}

#[tokio::test]
async fn f64_an_encoded_file_is_decoded_and_an_empty_one_is_empty() {
    let plain = b"[{\"sentence\":\"hello\"}]".repeat(100);
    let (packed, length) = (gzip(&plain), gzip(&plain).len());
    let headers = format!("content-encoding: gzip\r\ncontent-length: {length}\r\n");
    let host = Host::start(move |_| answer("200 OK", &headers, &packed)).await;
    assert_eq!(fetch(&host).await.unwrap().body, plain);
    let host = Host::start(|_| whole(b"")).await;
    assert_eq!(fetch(&host).await.unwrap().body, b"");
}

#[tokio::test]
async fn f60_the_response_of_the_host_decides() {
    for (status, kind, calls) in [
        ("403 Forbidden", PullErrorKind::NotFound, 1),
        ("404 Not Found", PullErrorKind::NotFound, 1),
        ("410 Gone", PullErrorKind::NotFound, 1),
        ("400 Bad Request", PullErrorKind::Contract, 1),
        ("401 Unauthorized", PullErrorKind::Contract, 1),
        ("204 No Content", PullErrorKind::Contract, 1),
        ("304 Not Modified", PullErrorKind::Contract, 1),
        ("500 Oops", PullErrorKind::Transient, 3),
        ("503 Slow Down", PullErrorKind::Transient, 3),
        ("429 Too Many", PullErrorKind::Transient, 3),
    ] {
        let host = Host::start(move |_| {
            let body = format!("<Error><Resource>/bucket</Resource>{SECRET}</Error>");
            if status.starts_with("204") || status.starts_with("304") {
                answer(status, "", b"")
            } else {
                answer(status, &format!("content-length: {}\r\n", body.len()), body.as_bytes())
            }
        })
        .await;
        let error = failure(fetch(&host).await);
        assert_eq!((error.kind, host.heads().len()), (kind, calls), "{status}");
        assert_eq!(error.http_status, status[..3].parse().ok());
    }
}

#[tokio::test]
async fn f11_f12_a_cut_file_is_no_file_and_is_requested_again() {
    let packed = gzip(&b"line\n".repeat(500));
    let mut wrong_sum = packed.clone();
    let sum = wrong_sum.len() - 6;
    wrong_sum[sum] ^= 1;
    let gzipped =
        |body: &[u8]| answer("200 OK", &format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len()), body);
    for cut in [
        answer("200 OK", "content-length: 100\r\n", b"only this"),
        answer("200 OK", "transfer-encoding: chunked\r\n", b"4\r\nline\r\n"),
        answer("200 OK", "transfer-encoding: chunked\r\n", b"ff\r\nline"),
        gzipped(&packed[..packed.len() / 2]),
        gzipped(&wrong_sum),
        gzipped(b"plain"),
        vec![b"HTTP/1.1 200".to_vec()],
        vec![],
    ] {
        let kept = cut.clone();
        let host = Host::start(move |_| kept.clone()).await;
        let error = failure(fetch(&host).await);
        assert_eq!((error.kind, host.heads().len()), (PullErrorKind::Transient, 3), "{}", error.detail);
        let host = Host::start(move |index| if index == 0 { cut.clone() } else { whole(b"line\n") }).await;
        assert_eq!(fetch(&host).await.unwrap().body, b"line\n");
    }
}

#[tokio::test]
async fn f66_p10_no_file_is_larger_than_allowed() {
    let bomb = gzip(&vec![b'0'; 50_000_000]);
    assert!(bomb.len() < 90_000, "{}", bomb.len());
    let bomb_headers = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", bomb.len());
    let endless: Pieces = std::iter::once(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())
        .chain(std::iter::repeat_n([b"4000\r\n".to_vec(), vec![b'0'; 0x4000], b"\r\n".to_vec()].concat(), 1_000))
        .collect();
    for large in [
        answer("200 OK", "content-length: 5368709120\r\n", b"begins"),
        answer("200 OK", &bomb_headers, &bomb),
        answer("200 OK", "content-length: 100001\r\n", &vec![b'0'; 100_001]),
        endless,
    ] {
        let host = Host::start(move |_| large.clone()).await;
        let error = failure(fetch(&host).await);
        assert_eq!((error.kind, host.heads().len()), (PullErrorKind::TooLarge, 1));
    }
    let host = Host::start(|_| whole(&vec![b'0'; 100_000])).await;
    assert_eq!(fetch(&host).await.unwrap().body.len(), 100_000);
}

#[tokio::test]
async fn f17_a_drip_does_not_hold_us() {
    let drip: Pieces = std::iter::once(b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n".to_vec())
        .chain(std::iter::repeat_n(b"0".to_vec(), 10_000))
        .collect();
    let head_only: Pieces = std::iter::repeat_n(b"H".to_vec(), 10_000).collect();
    for slow in [drip, head_only] {
        let host = Host::start(move |_| slow.clone()).await;
        let limits = DownloadLimits { grace: Duration::from_millis(300), ..limits() };
        let (downloader, link) = (downloader(limits, AddressPolicy::Loopback), host.link());
        let result = downloader.fetch(&link, "transcript file");
        let result = tokio::time::timeout(Duration::from_secs(20), result).await.expect("it ends");
        assert_eq!(failure(result).kind, PullErrorKind::Transient);
    }
    // data that arrives fast enough may take longer than the grace time
    let steady: Pieces = std::iter::once(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n".to_vec())
        .chain(std::iter::repeat_n(vec![b'0'; 1_000], 60))
        .collect();
    let host = Host::start(move |_| steady.clone()).await;
    let limits = DownloadLimits { grace: Duration::from_millis(900), bytes_per_second: 1_000, ..limits() };
    let file = downloader(limits, AddressPolicy::Loopback).fetch(&host.link(), "transcript file").await.unwrap();
    assert_eq!(file.body.len(), 60_000);
}

#[tokio::test]
async fn f20_redirects_are_few_and_checked_like_the_link() {
    for (count, arrives) in [(3, true), (4, false)] {
        let host = Host::start(move |index| if index < count { redirect("/next") } else { whole(b"x") }).await;
        assert_eq!(fetch(&host).await.is_ok(), arrives, "{count} redirects");
        assert!(host.heads().len() <= 4);
    }
    for unsafe_target in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "http://secret.test/file",
        "https://10.0.0.7/file",
        "https://[fd00::1]/file",
        "https://user:pass@secret.test/file",
        "file:///etc/passwd",
        "ftp://secret.test/file",
    ] {
        let host = Host::start(move |_| redirect(unsafe_target)).await;
        let error = failure(fetch(&host).await);
        assert_eq!((error.kind, host.heads().len()), (PullErrorKind::Contract, 1), "{unsafe_target}");
    }
    let nowhere = Host::start(|_| answer("302 Found", "content-length: 0\r\n", b"")).await;
    assert_eq!(failure(fetch(&nowhere).await).kind, PullErrorKind::Contract);
}
