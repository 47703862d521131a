//! The service in this process, over real HTTP.

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

pub(crate) fn client() -> reqwest::Client {
    tributary::connector::http::http_client(tributary::connector::http::HttpLimits::default()).expect("a client")
}
