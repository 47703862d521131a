//! The three providers, simulated over real HTTP on this machine.
//!
//! A [`Simulator`] answers like one provider: paths, parameters, page sizes, envelopes, errors, limits. Its records
//! come from a [`feed::Feed`]: the generated [`world::World`], which changes as time passes, or verbatim records of a
//! test. RealtimeKit's files are on a second listener. [`quirks::Quirks`] are lasting behaviours that a provider may
//! have; [`faults::Fault`]s are scripted errors. The simulator must be no easier than the real providers, and does
//! not depend on the service that polls it.

pub mod faults;
pub mod feed;
pub mod quirks;
pub mod world;

mod avatars;
mod chats;
mod konpro;
mod konvo;
mod listing;
mod meetings;
mod phrases;
mod realtimekit;
mod distributions;
mod server;
mod timeline;

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use crate::demo::simulator::faults::Fault;
use crate::demo::simulator::feed::Feed;
use crate::demo::simulator::quirks::Quirks;
use crate::demo::simulator::server::Site;

/// The simulated provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Streamed avatars.
    Konpro,
    /// AI chats.
    Konvo,
    /// Video meetings.
    Realtimekit,
}

impl Platform {
    /// All platforms.
    pub const ALL: [Self; 3] = [Self::Konpro, Self::Konvo, Self::Realtimekit];

    /// Returns its name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Konpro => "konpro",
            Self::Konvo => "konvo",
            Self::Realtimekit => "realtimekit",
        }
    }

    /// Returns the platform of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == name)
    }
}

/// Settings of a simulator.
#[derive(Debug)]
pub struct SimulatorSettings {
    /// The provider to simulate.
    pub platform: Platform,
    /// The records it lists.
    pub feed: Arc<dyn Feed>,
    /// Its clock: decides which events have happened, and the `Date` of answers.
    pub clock: Arc<dyn Clock>,
    /// The only key it accepts.
    pub api_key: String,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its quirks.
    pub quirks: Quirks,
}

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// `GET`, or `POST` where something is started.
    pub method: String,
    /// Path and query, verbatim.
    pub path_and_query: String,
    /// Headers that tests check, names in lower case: credentials, `accept`, `content-type`, `idempotency-key`,
    /// `user-agent`, `referer`, `cookie`.
    pub headers: Vec<(String, String)>,
    /// The body of a `POST`; else empty.
    pub body: String,
    /// When it arrived, by the simulator's clock.
    pub at: DateTime<Utc>,
    /// The status of the answer.
    pub status: u16,
}

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
        let listener = tokio::net::TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let files = match settings.platform {
            Platform::Realtimekit => Some(tokio::net::TcpListener::bind(files_listen).await?),
            Platform::Konpro | Platform::Konvo => None,
        };
        let files_address = files.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
        let files_base_url = files_address.map_or_else(String::new, |address| format!("http://{address}"));
        let site = Arc::new(Site::new(settings, files_base_url));
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, files, Arc::clone(&site), stop.clone()));
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

    /// Adds a fault to the file host.
    pub fn file_fault(&self, fault: Fault) {
        self.site.files.fault(fault);
    }

    /// Returns the latest requests, oldest first; at most [`Self::KEPT_REQUESTS`]. Calls of `/truth` are left out.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.site.api.requests()
    }

    /// Most requests that [`Self::requests`] returns.
    pub const KEPT_REQUESTS: usize = 20_000;

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
