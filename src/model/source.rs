//! Sources: configured accounts, and the capabilities of their providers.

use chrono::{DateTime, Utc};

use crate::model::id::SourceSlug;
use crate::model::session::SessionKind;
use crate::model::stream::Stream;

/// The measure of a provider's minutes. Minutes of different bases may be added only when the answer says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MinutesBasis {
    /// The sum of every participant's time.
    ParticipantTime,
    /// The length of the session.
    SessionTime,
}

impl MinutesBasis {
    /// Returns the value in `core.sources.minutes_basis`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ParticipantTime => "participant_time",
            Self::SessionTime => "session_time",
        }
    }
}

/// Whether a provider has messages, and whether this service stores them.
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
    /// Returns the value in `core.sources.message_support`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::PerSession => "per_session",
            Self::NotFetched => "not_fetched",
            Self::None => "none",
        }
    }
}

/// The capabilities of a provider. They decide which metrics are not applicable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Measure of its minutes; `None` where it meters nothing.
    pub minutes_basis: Option<MinutesBasis>,
    /// Whether it states if a conversation was resolved.
    pub has_outcomes: bool,
    /// Support of messages.
    pub messages: MessageSupport,
    /// Kinds of session it can have.
    pub session_kinds: &'static [SessionKind],
    /// Streams to fetch for each session.
    pub session_streams: &'static [Stream],
}

/// A source as it is registered in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRegistration {
    /// Name in configuration and answers.
    pub slug: SourceSlug,
    /// Kind of platform.
    pub provider: String,
    /// The account at the provider, in the provider's terms; empty where the key alone decides.
    pub account_ref: String,
    /// Fingerprint of the credential; see [`crate::model::person::PersonKey::credential_fingerprint`].
    pub credential_fingerprint: String,
    /// Lag from which its streams are stale.
    pub stale_after_seconds: i32,
    /// Capabilities of the provider.
    pub capabilities: Capabilities,
    /// Start of the history: nothing older is requested.
    pub history_from: DateTime<Utc>,
    /// Polling schedule: six cron fields, UTC.
    pub schedule: String,
    /// Streams to fetch for each known session.
    pub session_streams: Vec<Stream>,
    /// Days after which the content of a session is erased; `None`: it stays.
    pub content_retention_days: Option<i32>,
    /// Text-search configuration of its texts; `None`: `simple`.
    pub search_language: Option<String>,
    /// Steps of a chat that mean that a human took over: kinds of trail step, skills, origins of messages.
    /// Empty: unknown.
    pub human_steps: Vec<String>,
}

/// Returns the provider's name of the account in a reference, without the host, which may be a proxy's; `None`: the
/// provider has none, and the credential decides.
pub fn account_of(account_ref: &str) -> Option<&str> {
    account_ref.split_once('/').map(|(_, account)| account)
}

/// Returns the reason why nothing can be done with a source whose rows are being deleted.
pub fn being_removed(slug: &str) -> String {
    format!("the source `{slug}` is being removed: `tributary sources remove {slug} --yes` deletes the rest")
}

/// Returns the reason why nothing of a source is stored whose account is that of another configured one.
pub fn exchanged(slug: &str, other: &str) -> String {
    format!(
        "the source `{slug}` is configured with the account that is stored as `{other}`, and its sessions would be \
         counted twice: give each of the two sources its own credential again; if they are one account, remove \
         `{slug}` from the configuration"
    )
}

/// Returns the advice for a configuration that would count an account twice: `stored` is the slug of its data,
/// `wanted` the configured one.
pub fn way_out(stored: &str, wanted: &str) -> String {
    format!(
        "keep the slug `{stored}`, or run `tributary sources rename {stored} {wanted}`, which keeps everything under the \
         new name; where both hold data, `tributary sources merge {stored} {wanted}`; or `tributary sources remove \
         {stored}`, which deletes the stored data. Each prints its changes, and makes them with --yes"
    )
}
