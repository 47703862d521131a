//! The session: one conversation, meeting or avatar stream, in the words all providers share.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::model::extension::Extension;
use crate::model::id::ProviderRecordId;
use crate::model::message::{Message, TrailStep};
use crate::model::outcome::Outcome;
use crate::model::person::PersonRef;

/// Version of the rules that turn records into sessions. Raise it when a rule changes: stored sessions
/// are then written anew the next time they are read.
pub const MAPPING_VERSION: u8 = 1;

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// A streamed avatar.
    Avatar,
    /// A text chat with an AI.
    Chat,
    /// A video meeting.
    Meeting,
    /// A broadcast to viewers.
    Livestream,
}

impl SessionKind {
    /// The value in `core.sessions.session_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::Chat => "chat",
            Self::Meeting => "meeting",
            Self::Livestream => "livestream",
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Running now.
    Live,
    /// Over.
    Ended,
    /// A chat that was not completed; it may rest for days.
    Open,
    /// It was asked for and never connected.
    NeverStarted,
    /// The provider's status is none we know.
    Unknown,
}

impl SessionState {
    /// The value in `core.sessions.session_state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Open => "open",
            Self::NeverStarted => "never_started",
            Self::Unknown => "unknown",
        }
    }
}

/// Who says when a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndSource {
    /// The provider gave the instant.
    Provider,
    /// Start plus the provider's duration.
    Duration,
}

impl EndSource {
    /// The value in `core.sessions.ended_at_source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Duration => "duration",
        }
    }
}

/// One session as normalized from one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The provider's id.
    pub provider_session_id: ProviderRecordId,
    /// Kind of conversation.
    pub kind: SessionKind,
    /// The provider's status to the letter.
    pub provider_status: Option<String>,
    /// Where it stands.
    pub state: SessionState,
    /// What became of it.
    pub outcome: Outcome,
    /// The provider flags it unresolved, completed or not; `None` where it did not say.
    pub is_flagged_unresolved: Option<bool>,
    /// Way of contact, `whatsapp` for example, to the letter.
    pub channel: Option<String>,
    /// Who it was with.
    pub person: Option<PersonRef>,
    /// The session this one is a part of (breakout room).
    pub parent_provider_session_id: Option<String>,
    /// What groups sessions at the provider: meeting, feed or avatar.
    pub group_key: Option<String>,
    /// When the provider created it.
    pub created_at: DateTime<Utc>,
    /// When it began; the creation where no start is given.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who says so.
    pub ended_at_source: Option<EndSource>,
    /// When a chat was completed.
    pub completed_at: Option<DateTime<Utc>>,
    /// The last sign of life the provider reports.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// Wall-clock length, seconds; for an open chat up to its last message.
    pub duration_seconds: Option<Decimal>,
    /// What the provider meters, minutes. `None`: not said, or not metered at all.
    pub provider_minutes: Option<Decimal>,
    /// Most people at once.
    pub max_concurrent_participants: Option<i32>,
    /// The provider's own change time.
    pub provider_updated_at: Option<DateTime<Utc>>,
    /// What only this provider has.
    pub extension: Option<Extension>,
    /// Messages, where this record carried them; `None` means not asked, `Some([])` means none.
    pub messages: Option<Vec<Message>>,
    /// The way through the skills, where this record carried it.
    pub trail: Option<Vec<TrailStep>>,
    /// The record names only part of the session: it may add, and must not blank out what is known.
    pub is_partial: bool,
}

impl Session {
    /// Whether the provider's own clock says that this is older than `other`.
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.provider_updated_at.zip(other.provider_updated_at).is_some_and(|(own, other)| own < other)
    }

    /// What is stored once `newer` came after this: a partial record only moves the state, an older one changes
    /// nothing, and what a record did not carry stays.
    #[must_use]
    pub fn followed_by(self, newer: Self) -> Self {
        if newer.is_older_than(&self) {
            return self;
        }
        if newer.is_partial && !self.is_partial {
            return Self { provider_status: newer.provider_status, state: newer.state, ..self };
        }
        Self { messages: newer.messages.or(self.messages), trail: newer.trail.or(self.trail), ..newer }
    }
}
