//! The service in this process, over real HTTP.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tributary::app::App;
use tributary::app::reloading::Reloads;
use tributary::app::serving::{self, Role};

/// Starts the service in this process; returns its address.
pub(crate) async fn serve(app: App, role: Role) -> (String, tokio_util::sync::DropGuard) {
    let stop = CancellationToken::new();
    let (tell, told) = tokio::sync::oneshot::channel();
    let stopped = stop.clone();
    // a separate thread: its futures stay on one thread
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            serving::serve(&app, role, stopped, Reloads::none(), |address| tell.send(address).expect("a receiver"))
                .await
                .expect("it serves");
        });
    });
    (format!("http://{}", told.await.expect("it is ready")), stop.drop_guard())
}

/// Returns a port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

pub(crate) fn client() -> reqwest::Client {
    tributary::connector::http::http_client(tributary::connector::http::HttpLimits::default()).expect("a client")
}

/// Makes a certificate for this machine, and its key.
pub(crate) fn certify(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .output()
        .expect("openssl makes the certificates of this test");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Returns a client that trusts the certificate in the folder alone.
#[expect(clippy::disallowed_methods, reason = "the service's own clients trust the system's certificates")]
pub(crate) fn client_of(folder: &Path) -> reqwest::Client {
    // the first one installed stays
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pem = std::fs::read(folder.join("cert.pem")).expect("a certificate");
    let certificate = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    let builder = reqwest::Client::builder().tls_certs_only([certificate]).timeout(Duration::from_secs(10));
    builder.build().expect("a client")
}
