//! The settings of a simulator: provider, records, clock, key, address, quirks.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::feed::Feed;
use crate::quirks::Quirks;

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

/// A function that returns the current instant.
pub struct Now(Box<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Now {
    /// Creates the clock of a simulator.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Box::new(now))
    }

    pub(crate) fn get(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Now").field(&self.get()).finish()
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
    pub now: Now,
    /// The only key it accepts.
    pub api_key: String,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its quirks.
    pub quirks: Quirks,
}
