//! Streams: the kinds of record polled from a source.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of record polled from a source. A listing stream walks pages of a provider's list; a
/// per-session stream is asked for one session at a time, after the session is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The list of sessions, with whatever the provider puts inside a session.
    Sessions,
    /// Per session: who was there, from when to when.
    Participants,
    /// Per session: what was written.
    Chat,
    /// Per session: what was said.
    Transcript,
    /// Per session: what it was about.
    Summary,
    /// Per session: how well each participant heard and saw.
    Quality,
}

impl Stream {
    /// Streams that walk a list, in the order in which they are polled.
    pub const LISTING: [Self; 1] = [Self::Sessions];

    /// Streams fetched one session at a time. Quality comes last: it asks for the participants found.
    pub const PER_SESSION: [Self; 5] = [Self::Participants, Self::Chat, Self::Transcript, Self::Summary, Self::Quality];

    /// All streams.
    pub const ALL: [Self; 6] =
        [Self::Sessions, Self::Participants, Self::Chat, Self::Transcript, Self::Summary, Self::Quality];

    /// The name in the database, in links and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Participants => "participants",
            Self::Chat => "chat",
            Self::Transcript => "transcript",
            Self::Summary => "summary",
            Self::Quality => "quality",
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
