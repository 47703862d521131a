//! Sources: configured accounts, and what their provider can tell at all.

use chrono::{DateTime, Utc};

use crate::model::id::SourceSlug;
use crate::model::session::SessionKind;
use crate::model::stream::Stream;

/// What a provider's minutes measure. Minutes of different bases may be added only when the answer
/// says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MinutesBasis {
    /// The sum of every participant's time.
    ParticipantTime,
    /// The length of the session.
    SessionTime,
}

impl MinutesBasis {
    /// The value in `core.sources.minutes_basis`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ParticipantTime => "participant_time",
            Self::SessionTime => "session_time",
        }
    }
}

/// Whether a provider has messages, and whether this service holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageSupport {
    /// They come with the session list.
    Inline,
    /// They are fetched session by session, after each has ended.
    PerSession,
    /// The provider has them, but they are not read: unknown, not zero.
    NotFetched,
    /// The provider has no messages.
    None,
}

impl MessageSupport {
    /// The value in `core.sources.message_support`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::PerSession => "per_session",
            Self::NotFetched => "not_fetched",
            Self::None => "none",
        }
    }
}

/// What a provider can tell at all. It decides which figures are not applicable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What its minutes measure; `None` where it meters nothing.
    pub minutes_basis: Option<MinutesBasis>,
    /// Whether it says if a conversation was resolved.
    pub has_outcomes: bool,
    /// Messages.
    pub messages: MessageSupport,
    /// The kinds of session it can have.
    pub session_kinds: &'static [SessionKind],
    /// What it has to be fetched for each session.
    pub session_streams: &'static [Stream],
}

/// A source as it is registered in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRegistration {
    /// Name in configuration and answers.
    pub slug: SourceSlug,
    /// Kind of platform.
    pub provider: String,
    /// Which account at the provider, in the provider's words; empty where the key alone decides.
    pub account_ref: String,
    /// Recognizes the credential; see [`crate::model::person::PersonKey::credential_fingerprint`].
    pub credential_fingerprint: String,
    /// What the provider can tell.
    pub capabilities: Capabilities,
    /// History before this instant is not asked for.
    pub history_from: DateTime<Utc>,
    /// When it is polled: six cron fields, UTC.
    pub schedule: String,
    /// What is fetched for each session once it is known.
    pub session_streams: Vec<Stream>,
    /// What of a chat means that a human took over: kinds of trail step, skills, origins of messages. Empty: unknown.
    pub human_steps: Vec<String>,
}
