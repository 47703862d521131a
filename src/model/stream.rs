//! Streams: the kinds of record polled from a source.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of record polled from a source. A listing stream walks the pages of a provider's list; a
/// per-session stream is fetched for one session at a time, once the session is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The list of sessions, with the data that the provider embeds in a session.
    Sessions,
    /// Per session: participants and the times of their presence.
    Participants,
    /// Per session: written messages.
    Chat,
    /// Per session: spoken utterances.
    Transcript,
    /// Per session: summary.
    Summary,
    /// Per session: audio and video quality of each participant.
    Quality,
}

impl Stream {
    /// Streams that walk a list, in the order in which they are polled.
    pub const LISTING: [Self; 1] = [Self::Sessions];

    /// Streams fetched for one session at a time. Quality comes last: it needs the participants.
    pub const PER_SESSION: [Self; 5] = [Self::Participants, Self::Chat, Self::Transcript, Self::Summary, Self::Quality];

    /// All streams.
    pub const ALL: [Self; 6] =
        [Self::Sessions, Self::Participants, Self::Chat, Self::Transcript, Self::Summary, Self::Quality];

    /// Returns the name in the database, in links and on the command line.
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

    /// Returns the stream of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == text)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
