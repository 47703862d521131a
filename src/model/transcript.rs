//! Transcripts and summaries of sessions.

use chrono::{DateTime, Utc};

use crate::model::participant;
use crate::model::person::PersonRef;

/// The file format of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TranscriptFormat {
    /// A JSON list.
    Json,
    /// Comma-separated, with or without a header.
    Csv,
    /// `SubRip` subtitles.
    Srt,
    /// `WebVTT` subtitles.
    Vtt,
}

impl TranscriptFormat {
    /// Returns the value in `core.transcripts.format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
        }
    }
}

/// The transcript of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// File format.
    pub format: TranscriptFormat,
    /// Language, where the file states it (BCP 47, verbatim).
    pub language_code: Option<String>,
    /// Utterances, in the order of the file.
    pub segments: Vec<TranscriptSegment>,
}

/// One utterance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TranscriptSegment {
    /// Start, from the start of the session, milliseconds; `None`: not readable.
    pub offset_ms: Option<i64>,
    /// End, from the start of the session, milliseconds; `None`: the format does not state it.
    pub end_offset_ms: Option<i64>,
    /// Time of the utterance.
    pub started_at: Option<DateTime<Utc>>,
    /// Presence of the speaker (peer id), where the format states it.
    pub provider_participant_id: Option<String>,
    /// The provider's id of the speaker.
    pub provider_user_id: Option<String>,
    /// The customer's own id of the speaker. Personal.
    pub custom_participant_id: Option<String>,
    /// Name of the speaker. Personal.
    pub speaker_label: Option<String>,
    /// Whether the name was removed from the text, where it stood before a colon. Participants that become
    /// known later may show that it is no name.
    pub is_speaker_in_text: bool,
    /// Text.
    pub body: String,
}

impl TranscriptSegment {
    /// Returns the person who spoke, by the same rule as a participant's.
    pub fn person(&self) -> Option<PersonRef> {
        participant::identities(self.custom_participant_id.as_deref(), self.provider_user_id.as_deref()).next()
    }
}

/// The format of a summary's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SummaryFormat {
    /// Markdown.
    Markdown,
    /// Plain text.
    Text,
}

impl SummaryFormat {
    /// Returns the value in `core.session_summaries.format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Text => "text",
        }
    }
}

/// The provider's summary of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Format of the text.
    pub format: SummaryFormat,
    /// The text. Personal.
    pub body: String,
}
