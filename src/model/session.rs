//! The session: one conversation, meeting or avatar stream, in terms that all providers share.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::model::field::FieldPresence;
use crate::model::id::ProviderRecordId;
use crate::model::message::{Message, TrailStep};
use crate::model::person::PersonRef;
use crate::model::session_outcome::SessionOutcome;

/// Version of the rules that turn records and files into rows. Raise it when a rule changes: stored rows are then
/// rewritten the next time their record or file is read, even if its bytes are unchanged.
pub const MAPPING_VERSION: u8 = 4;

/// The kind of a conversation.
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
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Avatar, Self::Chat, Self::Meeting, Self::Livestream];

    /// Returns the value in `core.sessions.session_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::Chat => "chat",
            Self::Meeting => "meeting",
            Self::Livestream => "livestream",
        }
    }
}

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Running now.
    Live,
    /// Over.
    Ended,
    /// A chat that was not completed; it may be idle for days.
    Open,
    /// It was requested and never connected.
    NeverStarted,
    /// The provider's status is unknown to us.
    Unknown,
}

impl SessionState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Live, Self::Ended, Self::Open, Self::NeverStarted, Self::Unknown];

    /// Returns the value in `core.sessions.session_state`.
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

/// The origin of a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndSource {
    /// The provider gave the instant.
    Provider,
    /// Start plus the provider's duration.
    Duration,
}

impl EndSource {
    /// Returns the value in `core.sessions.ended_at_source`.
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
    /// The provider's status, verbatim.
    pub provider_status: Option<String>,
    /// State.
    pub state: SessionState,
    /// Outcome.
    pub outcome: SessionOutcome,
    /// Whether the provider flags it unresolved, completed or not; `None`: not stated.
    pub is_flagged_unresolved: Option<bool>,
    /// Channel, such as `whatsapp`, verbatim.
    pub channel: Option<String>,
    /// Identities of the person behind the session. The first one names the person; the others recognize one who is
    /// erased.
    pub identities: Vec<PersonRef>,
    /// The session this one is a part of (breakout room).
    pub parent_provider_session_id: Option<String>,
    /// Group of the session at the provider: meeting, feed or avatar.
    pub group_key: Option<String>,
    /// Time at which the provider created it.
    pub created_at: DateTime<Utc>,
    /// Start; the creation where no start is given.
    pub started_at: DateTime<Utc>,
    /// End.
    pub ended_at: Option<DateTime<Utc>>,
    /// Origin of the end.
    pub ended_at_source: Option<EndSource>,
    /// Time at which a chat was completed.
    pub completed_at: Option<DateTime<Utc>>,
    /// Last activity that the provider reports.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// Wall-clock length, seconds; for an open chat up to its last message.
    pub duration_seconds: Option<Decimal>,
    /// Minutes that the provider meters. `None`: not stated, or not metered at all.
    pub provider_minutes: Option<Decimal>,
    /// Most participants at once.
    pub max_concurrent_participants: Option<i32>,
    /// The provider's own change time.
    pub provider_updated_at: Option<DateTime<Utc>>,
    /// Provider-specific columns.
    pub extension: Option<Extension>,
    /// Messages, where this record carried them; `None` means not requested, `Some([])` means none.
    pub messages: Option<Vec<Message>>,
    /// Steps through the skills, where this record carried them.
    pub trail: Option<Vec<TrailStep>>,
    /// Whether the record names only part of the session: it may add data, and must not blank out known data.
    pub is_partial: bool,
    /// Documented fields that the record has.
    pub fields: FieldPresence,
}

/// A provider's clock may be ahead of ours by so much; a change time later than that is a fault.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// Returns a stated change time, unless it was in the future when its record was fetched: such a time would make all
/// later records look old.
pub fn possible_change(stated: Option<DateTime<Utc>>, fetched_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    stated.filter(|at| fetched_at.is_none_or(|fetched_at| *at <= fetched_at + AHEAD))
}

/// A time this much later than its own fetch is a fault, and not a difference of clocks.
const TIME_AHEAD: TimeDelta = TimeDelta::hours(1);
/// A start this long before the creation of its session is a fault.
pub const EARLIEST_START: TimeDelta = TimeDelta::days(1);

/// Returns whether something can have happened at this instant when it was fetched.
pub fn is_possible_time(at: DateTime<Utc>, fetched_at: DateTime<Utc>) -> bool {
    at <= fetched_at + TIME_AHEAD
}

impl Session {
    /// Leaves out times that cannot be: an end, a start or a message in the future of their own fetch, and a start long
    /// before the creation; returns the names of their fields.
    pub fn leave_out_impossible_times(&mut self, fetched_at: DateTime<Utc>) -> Vec<&'static str> {
        let is_possible = |at: &DateTime<Utc>| is_possible_time(*at, fetched_at);
        let mut left_out = Vec::new();
        if !is_possible(&self.started_at) || self.started_at < self.created_at - EARLIEST_START {
            self.started_at = self.created_at;
            left_out.push("/started_at");
        }
        if !self.ended_at.iter().chain(&self.completed_at).all(is_possible) {
            (self.ended_at, self.ended_at_source, self.completed_at) = (None, None, None);
            left_out.push("/ended_at");
        }
        if !left_out.is_empty() || !self.last_activity_at.iter().all(is_possible) {
            self.duration_seconds = self.duration_seconds.filter(|_| self.completed_at.is_some());
        }
        let messages = self.messages.iter_mut().flatten();
        if messages.filter_map(|one| one.sent_at.take_if(|at| !is_possible(at))).count() > 0 {
            left_out.push("/messages/created_at");
        }
        self.last_activity_at = self.last_activity_at.filter(is_possible);
        left_out
    }

    /// Returns whether this is older than `other` by the provider's own clock. Each comes with the time at which it was
    /// fetched.
    pub fn is_older_than(&self, fetched_at: DateTime<Utc>, other: &Self, other_fetched_at: DateTime<Utc>) -> bool {
        let own = possible_change(self.provider_updated_at, Some(fetched_at));
        let other = possible_change(other.provider_updated_at, Some(other_fetched_at));
        own.zip(other).is_some_and(|(own, other)| own < other)
    }

    /// Returns whether this names only part of its session, so that it may add data and must not blank out
    /// known data: by its form, because it lacks a known change time, or because it lacks a state where that is
    /// known. An unknown status does count as a state: it shows that something changed.
    pub fn names_part(&self, is_change_time_known: bool, is_state_known: bool) -> bool {
        let is_silent = self.provider_status.is_none() && self.state == SessionState::Unknown;
        let lacks = is_change_time_known || (is_silent && is_state_known);
        self.is_partial || (self.provider_updated_at.is_none() && lacks)
    }

    /// Returns the stored state once `newer` follows this: a partial record adds its data as
    /// `session_upsert/partial.sql` does, and data that a record did not carry stays. An empty list of messages removes
    /// none.
    #[must_use]
    pub fn followed_by(self, newer: Self) -> Self {
        let has_messages = self.messages.as_ref().is_some_and(|messages| !messages.is_empty());
        let has_lost_messages = newer.fields.has_lost(&self.fields, true)
            || has_messages && newer.messages.as_ref().is_some_and(Vec::is_empty);
        let newer = if has_lost_messages { Self { messages: None, ..newer } } else { newer };
        if newer.names_part(self.provider_updated_at.is_some(), self.state != SessionState::Unknown) {
            return self.with_part(newer);
        }
        if newer.fields.has_lost(&self.fields, false) {
            // without its duration, a session that is over looks as if it were running
            let is_over = self.state == SessionState::Ended && newer.state == SessionState::Live;
            let state = if is_over { self.state } else { newer.state };
            return self.with_part(Self { state, ..newer });
        }
        Self { messages: newer.messages.or(self.messages), trail: newer.trail.or(self.trail), ..newer }
    }

    /// The same rule stands in `session_upsert/partial.sql`: a save merges into the stored row within one statement, so
    /// that no concurrent writer comes between, and a replay merges all versions before any of them is stored.
    fn with_part(self, part: Self) -> Self {
        // an end belongs to its duration, and an open session has no end
        let is_open = part.state == SessionState::Open;
        let has_end = is_open || part.ended_at.is_some();
        let is_judged = !matches!(part.outcome, SessionOutcome::Unknown | SessionOutcome::NotApplicable);
        Self {
            provider_status: part.provider_status.or(self.provider_status),
            state: if part.state == SessionState::Unknown { self.state } else { part.state },
            outcome: if is_judged { part.outcome } else { self.outcome },
            is_flagged_unresolved: part.is_flagged_unresolved.or(self.is_flagged_unresolved),
            channel: part.channel.or(self.channel),
            identities: if part.identities.is_empty() { self.identities } else { part.identities },
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

/// A provider's own table: one-to-one beside `core.sessions`, keyed by source and session. A provider describes its
/// table once, and the store writes every such table by its description.
#[derive(Debug, PartialEq, Eq)]
pub struct ExtensionTable {
    /// Table in the schema `core`.
    pub name: &'static str,
    /// Columns and their Postgres types, in the order of [`Extension::values`].
    pub columns: &'static [(&'static str, &'static str)],
}

/// One session's row in its provider's table. Values are texts that Postgres casts to the column's type; the
/// provider has checked that they cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Target table.
    pub table: &'static ExtensionTable,
    /// Values, one for each column of the table.
    pub values: Vec<Option<String>>,
}
