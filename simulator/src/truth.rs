//! The correct totals of a simulated provider, which a reader's own totals are compared with.

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// The correct totals of one provider. `None` means "not applicable".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProviderTruth {
    /// Sessions that exist.
    pub sessions: u64,
    /// Minutes that the provider meters, exact; as text in JSON. KonPro's seconds are added up first and divided
    /// last.
    #[serde(serialize_with = "as_text")]
    pub minutes_consumed: Option<Decimal>,
    /// Chats completed and not flagged unresolved.
    pub resolved: Option<u64>,
    /// Chats completed and flagged unresolved.
    pub unresolved: Option<u64>,
    /// Chats not completed, flagged or not.
    pub open: Option<u64>,
    /// Messages of all chats.
    pub messages: Option<u64>,
    /// Presences in meetings, including those that have not ended; a participant who joins twice counts twice.
    pub participants: Option<u64>,
    /// Their durations as the provider gives them, minutes, exact; as text in JSON. Presences that have not ended
    /// have 0.
    #[serde(serialize_with = "as_text")]
    pub participant_minutes: Option<Decimal>,
    /// Messages in the chat files available now: the meeting has ended, and the file is ready and has not been
    /// deleted. The next four fields count available files in the same way. A reader that came earlier may have more.
    pub chat_messages: Option<u64>,
    /// Transcripts with content, available now.
    pub transcripts: Option<u64>,
    /// Their segments.
    pub transcript_segments: Option<u64>,
    /// Words of their segments, counted in the same way as stored words.
    pub transcript_words: Option<u64>,
    /// Summaries available now.
    pub summaries: Option<u64>,
}

#[expect(clippy::ref_option, reason = "the form serde calls")]
fn as_text<S: Serializer>(number: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(|number| number.to_string()).serialize(serializer)
}

/// The correct totals of all providers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Avatars.
    pub konpro: ProviderTruth,
    /// Chats.
    pub konvo: ProviderTruth,
    /// Meetings.
    pub realtimekit: ProviderTruth,
}
