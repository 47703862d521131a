//! The three providers, simulated over real HTTP on this machine.
//!
//! A [`Simulator`] answers like one provider: paths, parameters, page sizes, envelopes, errors, limits.
//! What it lists comes from a [`feed::Feed`]: the generated [`world::World`], which lives on as time
//! passes, or records given by a test to the letter. RealtimeKit's files are on a second listener.
//! [`quirks::Quirks`] are habits a provider may have, [`faults::Fault`]s are accidents, told when to happen.
//! It must be no easier than reality, and it knows nothing of the service that polls it.

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
mod rhythm;
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

/// Which provider is simulated.
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Konpro, Self::Konvo, Self::Realtimekit];

    /// Its name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Konpro => "konpro",
            Self::Konvo => "konvo",
            Self::Realtimekit => "realtimekit",
        }
    }

    /// The platform of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == name)
    }
}

/// What a simulator is made of.
#[derive(Debug)]
pub struct SimulatorSettings {
    /// As whom it answers.
    pub platform: Platform,
    /// What it lists.
    pub feed: Arc<dyn Feed>,
    /// Its present: decides what has happened, and the `Date` of answers.
    pub clock: Arc<dyn Clock>,
    /// The only key it accepts.
    pub api_key: String,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its habits.
    pub quirks: Quirks,
}

/// A request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// `GET`, or `POST` where something is started.
    pub method: String,
    /// Path and query to the letter.
    pub path_and_query: String,
    /// Headers that tests ask about, names in lower case: credentials, `accept`, `content-type`,
    /// `idempotency-key`, `user-agent`, `referer`, `cookie`.
    pub headers: Vec<(String, String)>,
    /// The body of a `POST`; else empty.
    pub body: String,
    /// When it came, by the simulator's clock.
    pub at: DateTime<Utc>,
    /// The status it was answered with.
    pub status: u16,
}

/// A simulated provider that listens. Dropping it ends it: the port is freed and idle connections are
/// closed.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    files_address: Option<SocketAddr>,
    site: Arc<Site>,
    _stop: DropGuard,
}

impl Simulator {
    /// Starts to listen, on the runtime this is awaited in; RealtimeKit's host of files takes a free port.
    /// Errors when the address cannot be had.
    pub async fn start(settings: SimulatorSettings) -> std::io::Result<Self> {
        let files_listen = SocketAddr::new(settings.listen.ip(), 0);
        Self::start_with_files_at(settings, files_listen).await
    }

    /// The same, with RealtimeKit's host of files at `files_listen`; the other providers have none.
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

    /// What a source's `base_url` must be: scheme, host and port.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are; only RealtimeKit has a host of files.
    pub fn files_address(&self) -> Option<SocketAddr> {
        self.files_address
    }

    /// The latest requests to its host of files, with all their headers.
    pub fn file_requests(&self) -> Vec<RequestRecord> {
        self.site.files.requests()
    }

    /// Replaces what is still to go wrong at its host of files. Its requests are counted from here,
    /// beginning with 1.
    pub fn file_script(&self, faults: Vec<Fault>) {
        self.site.files.script(faults);
    }

    /// Adds one fault to what is still to go wrong there.
    pub fn file_fault(&self, fault: Fault) {
        self.site.files.fault(fault);
    }

    /// The latest requests, oldest first; at most [`Self::KEPT_REQUESTS`]. Calls of `/truth` are left
    /// out.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.site.api.requests()
    }

    /// How many requests [`Self::requests`] remembers.
    pub const KEPT_REQUESTS: usize = 20_000;

    /// Replaces what is still to go wrong. Requests are counted from here, beginning with 1.
    pub fn script(&self, faults: Vec<Fault>) {
        self.site.api.script(faults);
    }

    /// Adds one fault to what is still to go wrong.
    pub fn fault(&self, fault: Fault) {
        self.site.api.fault(fault);
    }

    /// Changes its habits, from the next request on.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.site.set_quirks(quirks);
    }
}
