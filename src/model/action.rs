//! Calls that start something at a provider: their kinds, their outcomes, and the launch settings of an avatar.
//!
//! The tokens that a provider returns for joining a session have no type here: they are never stored.

use rust_decimal::Decimal;

/// A kind of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// Generate the summary of a meeting.
    GenerateSummary,
    /// Start an avatar's stream.
    StartStreamingSession,
}

impl ActionKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::GenerateSummary, Self::StartStreamingSession];

    /// Returns the name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GenerateSummary => "generate_summary",
            Self::StartStreamingSession => "start_streaming_session",
        }
    }
}

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionOutcome {
    /// The provider has started it.
    Succeeded,
    /// The provider refused: nothing was started.
    Refused,
    /// The provider accepts no call now: nothing was started, and the same request may be repeated.
    Postponed,
    /// The response was lost or cannot be read: the provider may have started it.
    Unknown,
}

impl ActionOutcome {
    /// Returns the name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Postponed => "postponed",
            Self::Unknown => "unknown",
        }
    }
}

/// The launch settings of an avatar. `None`: not requested, so the provider decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchSettings {
    /// Quality of the stream: `high`, `medium`, `low`.
    pub quality: Option<String>,
    /// Id of the avatar.
    pub avatar_id: Option<String>,
    /// Id of the voice.
    pub voice_id: Option<String>,
    /// Rate of speech; 1 is normal.
    pub voice_rate: Option<Decimal>,
    /// Emotion of the voice.
    pub voice_emotion: Option<String>,
    /// Provider of speech to text.
    pub stt_provider: Option<String>,
    /// Confidence from which recognized speech counts, 0 to 1.
    pub stt_confidence: Option<Decimal>,
    /// Encoding of the video.
    pub video_encoding: Option<String>,
    /// Version of the provider's interface.
    pub version: Option<String>,
    /// Whether a knowledge base was given as text.
    pub has_knowledge_base: bool,
    /// Id of a stored knowledge base.
    pub knowledge_base_id: Option<String>,
    /// Whether the session stays open when it is idle.
    pub disable_idle_timeout: Option<bool>,
    /// Seconds without activity after which the session ends.
    pub activity_idle_timeout_seconds: Option<i32>,
}

/// The provider's limits of a launched session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaunchLimits {
    /// Longest duration, seconds.
    pub session_duration_limit_seconds: Option<i32>,
    /// Whether the session is on a paid plan.
    pub is_paid: Option<bool>,
}
