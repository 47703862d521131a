//! What is searched, and the order of what is found.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::range::TimeRange;
use crate::query::sessions::list::SessionFilter;

/// Kind of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HitKind {
    /// Message of a chat, or of the chat of a meeting.
    Message,
    /// Utterance of a transcript.
    Transcript,
    /// Summary of a session.
    Summary,
    /// Title of a meeting.
    Title,
}

impl HitKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Message, Self::Transcript, Self::Summary, Self::Title];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Transcript => "transcript",
            Self::Summary => "summary",
            Self::Title => "title",
        }
    }
}

/// Filter of a search.
#[derive(Debug, Clone)]
pub struct SearchFilter {
    /// Texts of these sources.
    pub source_ids: Vec<i32>,
    /// Texts of these kinds.
    pub kinds: Vec<HitKind>,
    /// Texts of sessions that pass these conditions, which name no sources and no range.
    pub sessions: SessionFilter,
    /// Texts of this range.
    pub range: TimeRange,
}

/// Sort key of a text, in the order of its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HitKey {
    /// Its time.
    pub at: DateTime<Utc>,
    /// Number of its session.
    pub session_id: i64,
    /// Its kind.
    pub kind: HitKind,
    /// Its position in the session.
    pub position: i32,
    /// The provider's id of a message; else empty.
    pub item: String,
}
