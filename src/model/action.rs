//! Calls that start something at a provider: their kinds, what becomes of them, and the settings an avatar is
//! launched with.
//!
//! What a provider hands over to join a session has no type here: it is never kept.

use rust_decimal::Decimal;

/// What can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// The summary of a meeting is generated.
    GenerateSummary,
    /// An avatar begins to stream.
    StartStreamingSession,
}

impl ActionKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::GenerateSummary, Self::StartStreamingSession];

    /// The name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GenerateSummary => "generate_summary",
            Self::StartStreamingSession => "start_streaming_session",
        }
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionOutcome {
    /// The provider has started it.
    Succeeded,
    /// The provider said no: nothing was started.
    Refused,
    /// The provider takes no call now: nothing was started, and the same may be asked for again.
    Postponed,
    /// It was asked for and the answer is lost or cannot be read: it may have been started.
    Unknown,
}

impl ActionOutcome {
    /// The name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Postponed => "postponed",
            Self::Unknown => "unknown",
        }
    }
}

/// The settings an avatar was launched with. What was not asked for is `None`: the provider decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchSettings {
    /// Quality of the stream: `high`, `medium`, `low`.
    pub quality: Option<String>,
    /// The avatar.
    pub avatar_id: Option<String>,
    /// Its voice.
    pub voice_id: Option<String>,
    /// Rate of speech; 1 is normal.
    pub voice_rate: Option<Decimal>,
    /// Emotion of the voice.
    pub voice_emotion: Option<String>,
    /// Who turns speech into text.
    pub stt_provider: Option<String>,
    /// Confidence from which heard speech counts, 0 to 1.
    pub stt_confidence: Option<Decimal>,
    /// Encoding of the video.
    pub video_encoding: Option<String>,
    /// Version of the provider's interface.
    pub version: Option<String>,
    /// Whether a knowledge base was given as text.
    pub has_knowledge_base: bool,
    /// The stored knowledge base that was named.
    pub knowledge_base_id: Option<String>,
    /// Whether the session is kept open when nothing happens.
    pub disable_idle_timeout: Option<bool>,
    /// Seconds without activity after which the session ends.
    pub activity_idle_timeout_seconds: Option<i32>,
}

/// What the provider allows a launched session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaunchLimits {
    /// Longest it may take, seconds.
    pub session_duration_limit_seconds: Option<i32>,
    /// Whether it is on a paid plan.
    pub is_paid: Option<bool>,
}
