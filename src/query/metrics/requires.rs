//! Requirements of metrics: what a provider must have for a metric to apply.
//!
//! A source without it is in neither part of a value: it adds nothing, and makes nothing unknown. The condition
//! exists twice, as code for a loaded source and as SQL, so that a statement shown to an analyst excludes the same
//! sources; a test compares the two.

use crate::model::session::SessionKind;
use crate::model::source::MessageSupport;
use crate::model::stream::Stream;
use crate::query::catalog::Source;

/// Data that a provider must have for a metric to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requires {
    /// Nothing: every provider has sessions.
    Nothing,
    /// Metered minutes.
    Minutes,
    /// Outcomes.
    Outcomes,
    /// Messages.
    Messages,
    /// A stream that is fetched session by session. Meetings and livestreams have it.
    PerSession(Stream),
    /// Avatars, which can be launched through this service.
    Launches,
    /// Chats: conversations with two sides.
    Chats,
    /// Meetings and livestreams.
    Meetings,
    /// People: the contacts of chats, the participants of meetings.
    People,
    /// For providers of chats: a configured list of the steps that mean that a human took over.
    HumanSteps,
}

/// Whether a metric applies to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// It applies.
    Applicable,
    /// The provider has no such data.
    NotApplicable,
    /// The provider has the data, but they are not fetched.
    NotFetched,
    /// It requires a list that is not configured.
    NotConfigured,
}

impl Requires {
    /// All requirements.
    pub const ALL: [Self; 13] = [
        Self::Nothing,
        Self::Minutes,
        Self::Outcomes,
        Self::Messages,
        Self::PerSession(Stream::Participants),
        Self::PerSession(Stream::Transcript),
        Self::PerSession(Stream::Summary),
        Self::PerSession(Stream::Quality),
        Self::Launches,
        Self::Chats,
        Self::Meetings,
        Self::People,
        Self::HumanSteps,
    ];

    /// Returns whether a source fulfils it.
    pub fn of(self, source: &Source) -> Applicability {
        let has_kind = |kind: SessionKind| source.session_kinds.iter().any(|name| name == kind.as_str());
        let is_fetched = |stream: Stream| source.session_streams.iter().any(|name| name == stream.as_str());
        let has = match self {
            Self::Nothing => true,
            Self::Minutes => source.minutes_basis.is_some(),
            Self::Outcomes => source.has_outcomes,
            Self::Messages if source.message_support == MessageSupport::NotFetched.as_str() => {
                return Applicability::NotFetched;
            }
            Self::Messages => source.message_support != MessageSupport::None.as_str(),
            Self::Launches => has_kind(SessionKind::Avatar),
            Self::HumanSteps if has_kind(SessionKind::Chat) && source.human_steps.is_empty() => {
                return Applicability::NotConfigured;
            }
            Self::Chats | Self::HumanSteps => has_kind(SessionKind::Chat),
            Self::Meetings => source.has_meetings(),
            Self::People if has_kind(SessionKind::Chat) => true,
            Self::People => return Self::PerSession(Stream::Participants).of(source),
            Self::PerSession(stream) => {
                if !is_fetched(stream) && source.has_meetings() {
                    return Applicability::NotFetched;
                }
                is_fetched(stream)
            }
        };
        if has { Applicability::Applicable } else { Applicability::NotApplicable }
    }

    /// Returns the same as a condition on a row of `analytics.sources` with the alias `src`; `None`: every source
    /// fulfils it.
    pub fn condition_sql(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Minutes => Some("src.minutes_basis is not null"),
            Self::Outcomes => Some("src.has_outcomes"),
            Self::Messages => Some("src.message_support in ('inline', 'per_session')"),
            Self::PerSession(Stream::Transcript) => Some("'transcript' = any(src.session_streams)"),
            Self::PerSession(Stream::Summary) => Some("'summary' = any(src.session_streams)"),
            Self::PerSession(Stream::Quality) => Some("'quality' = any(src.session_streams)"),
            Self::PerSession(Stream::Chat) => Some("'chat' = any(src.session_streams)"),
            Self::PerSession(_) => Some("'participants' = any(src.session_streams)"),
            Self::Launches => Some("'avatar' = any(src.session_kinds)"),
            Self::Chats => Some("'chat' = any(src.session_kinds)"),
            Self::Meetings => Some("src.session_kinds && '{meeting,livestream}'"),
            Self::People => Some("('chat' = any(src.session_kinds) or 'participants' = any(src.session_streams))"),
            Self::HumanSteps => Some("'chat' = any(src.session_kinds) and src.human_steps <> '{}'"),
        }
    }

    /// Returns its short name in `analytics.metric_definitions`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Minutes => "minutes",
            Self::Outcomes => "outcomes",
            Self::Messages => "messages",
            Self::PerSession(stream) => stream.as_str(),
            Self::Launches => "avatars",
            Self::Chats => "chats",
            Self::Meetings => "meetings",
            Self::People => "people",
            Self::HumanSteps => "human_steps",
        }
    }

    /// Returns its display name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "every provider",
            Self::Minutes => "providers that meter minutes",
            Self::Outcomes => "providers that report whether a conversation was resolved",
            Self::Messages => "providers whose messages are stored",
            Self::PerSession(Stream::Transcript) => "providers whose transcripts are fetched",
            Self::PerSession(Stream::Summary) => "providers whose summaries are fetched",
            Self::PerSession(Stream::Quality) => "providers whose quality reports are fetched",
            Self::PerSession(_) => "providers whose participants are fetched",
            Self::Launches => "providers of avatars",
            Self::Chats => "providers of chats",
            Self::Meetings => "providers of meetings",
            Self::People => "providers of chats, and of meetings whose participants are fetched",
            Self::HumanSteps => "providers of chats, if human_steps of the source is configured",
        }
    }

    /// Returns the warning about sources that do not fetch it: its code, and the missing data.
    pub fn not_fetched(self) -> (&'static str, &'static str) {
        match self {
            Self::PerSession(Stream::Transcript) => ("transcripts_not_fetched", "Transcripts"),
            Self::PerSession(Stream::Summary) => ("summaries_not_fetched", "Summaries"),
            Self::PerSession(Stream::Quality) => ("quality_not_fetched", "Quality reports"),
            Self::PerSession(_) | Self::People => ("participants_not_fetched", "Participants"),
            Self::HumanSteps => ("handoff_mapping_missing", "Steps that mean a human took over"),
            _ => ("messages_not_fetched", "Messages"),
        }
    }
}
