//! Streams: the kinds of record polled from a source.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of record polled from a source. Listing streams walk pages of a provider's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The list of sessions, with whatever the provider puts inside a session.
    Sessions,
}

impl Stream {
    /// All streams, in the order in which they are polled.
    pub const ALL: [Self; 1] = [Self::Sessions];

    /// The name in the database, in links and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
        }
    }

    /// The stream of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == text)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
