//! What figures can be grouped by.
//!
//! A dimension belongs to the source, to the session, or to rows of one kind only. A session has many presences and
//! speakers: grouped by one of these it would be counted once for each, so that only metrics whose rows have the
//! dimension can be grouped by it.

use crate::model::stream::Stream;
use crate::query::metrics::registry::{Needs, Rows};

/// What figures can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Kind of platform.
    Provider,
    /// Slug of the source.
    Source,
    /// Way of contact.
    Channel,
    /// What became of the session.
    Outcome,
    /// Avatar, chat, meeting or livestream.
    SessionKind,
    /// Why billed minutes differ from those of the participants.
    UnexplainedClass,
    /// How far the session's transcript has come.
    TranscriptState,
    /// What a participant was allowed to do.
    PresetName,
    /// Pseudonym of who spoke.
    SpeakerId,
    /// Picture quality an avatar was started with through this service.
    LaunchQuality,
    /// Its voice.
    LaunchVoice,
    /// Its speech-to-text.
    LaunchSttProvider,
    /// Its idle time-out, seconds.
    LaunchIdleTimeout,
    /// The longest it may take, seconds.
    LaunchDurationLimit,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Provider,
        Self::Source,
        Self::Channel,
        Self::Outcome,
        Self::SessionKind,
        Self::UnexplainedClass,
        Self::TranscriptState,
        Self::PresetName,
        Self::SpeakerId,
        Self::LaunchQuality,
        Self::LaunchVoice,
        Self::LaunchSttProvider,
        Self::LaunchIdleTimeout,
        Self::LaunchDurationLimit,
    ];

    /// The name in questions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Outcome => "outcome",
            Self::SessionKind => "session_kind",
            Self::UnexplainedClass => "unexplained_class",
            Self::TranscriptState => "transcript_state",
            Self::PresetName => "preset_name",
            Self::SpeakerId => "speaker_id",
            Self::LaunchQuality => "launch_quality",
            Self::LaunchVoice => "launch_voice",
            Self::LaunchSttProvider => "launch_stt_provider",
            Self::LaunchIdleTimeout => "launch_idle_timeout_seconds",
            Self::LaunchDurationLimit => "launch_duration_limit_seconds",
        }
    }

    /// The dimension of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }

    /// The column of a row that has it; `None` where it belongs to the source.
    pub(super) fn column(self) -> Option<&'static str> {
        match self {
            Self::Provider | Self::Source => None,
            Self::Channel => Some("s.channel"),
            Self::Outcome => Some("s.outcome"),
            Self::SessionKind => Some("s.session_kind"),
            Self::UnexplainedClass => Some("s.unexplained_minutes_class"),
            Self::TranscriptState => Some("s.transcript_state"),
            Self::PresetName => Some("p.preset_name"),
            Self::SpeakerId => Some("w.speaker_id"),
            Self::LaunchQuality => Some("s.launch_quality"),
            Self::LaunchVoice => Some("s.launch_voice"),
            Self::LaunchSttProvider => Some("s.launch_stt_provider"),
            Self::LaunchIdleTimeout => Some("s.launch_idle_timeout_seconds::text"),
            Self::LaunchDurationLimit => Some("s.launch_duration_limit_seconds::text"),
        }
    }

    /// The only rows that have it; `None`: every session has it, and so has what belongs to the session.
    pub(super) fn rows(self) -> Option<Rows> {
        match self {
            Self::PresetName => Some(Rows::Presences),
            Self::SpeakerId => Some(Rows::Speakers),
            _ => None,
        }
    }

    /// Whether a row can have several values of it, so that a whole is not the sum of its groups.
    pub fn is_overlapping(self) -> bool {
        self == Self::SpeakerId
    }

    /// What a source must have for a value of it.
    pub(super) fn needs(self) -> Needs {
        match self {
            Self::UnexplainedClass | Self::PresetName => Needs::PerSession(Stream::Participants),
            Self::TranscriptState | Self::SpeakerId => Needs::PerSession(Stream::Transcript),
            Self::LaunchQuality
            | Self::LaunchVoice
            | Self::LaunchSttProvider
            | Self::LaunchIdleTimeout
            | Self::LaunchDurationLimit => Needs::Launches,
            _ => Needs::Nothing,
        }
    }
}
