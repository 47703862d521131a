//! The HTTP side of a simulated provider: its listeners, with one handler for all paths.
//!
//! The handler applies the fault that is due, lets the [`Site`] answer, and damages the body if the fault says so.
//! RealtimeKit's files are on a separate host. The only path handled here is `/truth`.

mod listener_state;
mod respond;
mod site;
mod file_host;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::listener_state::ListenerState;
pub use self::listener_state::RequestRecord;
use self::respond::{quiet, respond};
use self::site::{ApiRequest, Site};
use crate::faults::Fault;
use crate::quirks::Quirks;
use crate::settings::{Platform, SimulatorSettings};

/// Bodies of calls that start something are small; more than this is not read.
const MOST_BODY_BYTES: usize = 1 << 20;

/// A running simulated provider. Dropping it stops it: the port is freed and idle connections are closed.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    files_address: Option<SocketAddr>,
    site: Arc<Site>,
    _stop: DropGuard,
}

impl Simulator {
    /// Starts to listen on the current runtime; RealtimeKit's file host takes a free port. Fails if the address
    /// cannot be bound.
    pub async fn start(settings: SimulatorSettings) -> std::io::Result<Self> {
        let files_listen = SocketAddr::new(settings.listen.ip(), 0);
        Self::start_with_files_at(settings, files_listen).await
    }

    /// Starts to listen, with RealtimeKit's file host at `files_listen`; the other providers have none.
    pub async fn start_with_files_at(settings: SimulatorSettings, files_listen: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let files = match settings.platform {
            Platform::Realtimekit => Some(TcpListener::bind(files_listen).await?),
            Platform::Konpro | Platform::Konvo => None,
        };
        let files_address = files.as_ref().map(TcpListener::local_addr).transpose()?;
        let files_base_url = files_address.map_or_else(String::new, |address| format!("http://{address}"));
        let site = Arc::new(Site::new(settings, files_base_url));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, files, Arc::clone(&site), stop.clone()));
        Ok(Self { address, files_address, site, _stop: stop.drop_guard() })
    }

    /// Returns the `base_url` of a source for this simulator: scheme, host and port.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the file host; only RealtimeKit has one.
    pub fn files_address(&self) -> Option<SocketAddr> {
        self.files_address
    }

    /// Returns the latest requests to the file host, with all their headers.
    pub fn file_requests(&self) -> Vec<RequestRecord> {
        self.site.files.requests()
    }

    /// Replaces the remaining faults of the file host. Its requests are counted from here, beginning with 1.
    pub fn file_script(&self, faults: Vec<Fault>) {
        self.site.files.script(faults);
    }

    /// Returns the latest 20,000 requests, oldest first. Calls of `/truth` are left out.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.site.api.requests()
    }

    /// Replaces the remaining faults. Requests are counted from here, beginning with 1.
    pub fn script(&self, faults: Vec<Fault>) {
        self.site.api.script(faults);
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.site.api.fault(fault);
    }

    /// Changes the quirks, from the next request on.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.site.set_quirks(quirks);
    }
}

/// Serves until `stop`, including files if there is a listener for them.
async fn serve(listener: TcpListener, files: Option<TcpListener>, site: Arc<Site>, stop: CancellationToken) {
    let router = Router::new().fallback(handle).with_state(Arc::clone(&site));
    let api = axum::serve(quiet(listener), router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let files = async {
        if let Some(files) = files {
            file_host::serve(files, site, stop).await;
        }
    };
    let _ = tokio::join!(api.into_future(), files);
}

async fn handle(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Infallible> {
    if request.uri().path() == "/truth" {
        let mut reply = site.truth(site.settings.now.get());
        reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        return Ok(respond(reply, None));
    }
    let effect = site.api.next_effect(request.uri().path());
    ListenerState::before_answer(effect.as_ref()).await;
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST_BODY_BYTES).await.unwrap_or_default();
    let (now, quirks) = (site.settings.now.get(), site.quirks());
    let reply = site.answer(&ApiRequest { head: &head, body: &body, now, quirks: &quirks }, effect.as_ref());
    Ok(respond(reply, effect.as_ref()))
}
