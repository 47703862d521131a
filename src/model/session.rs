//! The session: one conversation, meeting or avatar stream, in the words all providers share.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::model::extension::Extension;
use crate::model::field::FieldPresence;
use crate::model::id::ProviderRecordId;
use crate::model::message::{Message, TrailStep};
use crate::model::outcome::Outcome;
use crate::model::person::PersonRef;

/// Version of the rules that turn records into sessions. Raise it when a rule changes: stored sessions
/// are then written anew the next time they are read.
pub const MAPPING_VERSION: u8 = 2;

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
    /// Which documented fields the record has.
    pub fields: FieldPresence,
}

impl Session {
    /// Whether the provider's own clock says that this is older than `other`.
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.provider_updated_at.zip(other.provider_updated_at).is_some_and(|(own, other)| own < other)
    }

    /// Whether this names only part of its session, so that it may add and must not blank out what is known: by its form,
    /// because it lacks the change time that what is known has, or because it says nothing of where the session stands
    /// where that is known. A word nobody knows is no such silence: it does say that something changed.
    pub fn names_part(&self, is_change_time_known: bool, is_state_known: bool) -> bool {
        let is_silent = self.provider_status.is_none() && self.state == SessionState::Unknown;
        let lacks = is_change_time_known || (is_silent && is_state_known);
        self.is_partial || (self.provider_updated_at.is_none() && lacks)
    }

    /// What is stored once `newer` came after this: an older record changes nothing, one that names only part adds what
    /// it says as `session_upsert.sql` does, and what a record did not carry stays.
    #[must_use]
    pub fn followed_by(self, newer: Self) -> Self {
        if newer.is_older_than(&self) {
            return self;
        }
        let has_lost_messages = newer.fields.has_lost(&self.fields, true);
        let newer = if has_lost_messages { Self { messages: None, ..newer } } else { newer };
        if newer.names_part(self.provider_updated_at.is_some(), self.state != SessionState::Unknown) {
            return self.with_part(newer);
        }
        if newer.fields.has_lost(&self.fields, false) {
            // without its length, a session that is over looks as if it ran
            let is_over = self.state == SessionState::Ended && newer.state == SessionState::Live;
            let state = if is_over { self.state } else { newer.state };
            return self.with_part(Self { state, ..newer });
        }
        Self { messages: newer.messages.or(self.messages), trail: newer.trail.or(self.trail), ..newer }
    }

    fn with_part(self, part: Self) -> Self {
        // an end goes with its length, and an open session has none
        let is_open = part.state == SessionState::Open;
        let has_end = is_open || part.ended_at.is_some();
        let is_judged = !matches!(part.outcome, Outcome::Unknown | Outcome::NotApplicable);
        Self {
            provider_status: part.provider_status.or(self.provider_status),
            state: if part.state == SessionState::Unknown { self.state } else { part.state },
            outcome: if is_judged { part.outcome } else { self.outcome },
            is_flagged_unresolved: part.is_flagged_unresolved.or(self.is_flagged_unresolved),
            channel: part.channel.or(self.channel),
            person: part.person.or(self.person),
            parent_provider_session_id: part.parent_provider_session_id.or(self.parent_provider_session_id),
            group_key: part.group_key.or(self.group_key),
            last_activity_at: part.last_activity_at.max(self.last_activity_at),
            provider_minutes: part.provider_minutes.or(self.provider_minutes),
            max_concurrent_participants: part.max_concurrent_participants.or(self.max_concurrent_participants),
            completed_at: if is_open { part.completed_at } else { part.completed_at.or(self.completed_at) },
            ended_at: if has_end { part.ended_at } else { self.ended_at },
            ended_at_source: if has_end { part.ended_at_source } else { self.ended_at_source },
            duration_seconds: if has_end {
                part.duration_seconds
            } else {
                self.duration_seconds.or(part.duration_seconds)
            },
            provider_updated_at: part.provider_updated_at.or(self.provider_updated_at),
            messages: part.messages.or(self.messages),
            trail: part.trail.or(self.trail),
            ..self
        }
    }
}
