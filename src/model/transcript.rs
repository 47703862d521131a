//! Transcripts and summaries: what was said, and what it was about.

use chrono::{DateTime, Utc};

use crate::model::participant;
use crate::model::person::PersonRef;

/// The form a transcript came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TranscriptFormat {
    /// A JSON list.
    Json,
    /// Comma-separated, with a header or without.
    Csv,
    /// `SubRip` subtitles.
    Srt,
    /// `WebVTT` subtitles.
    Vtt,
}

impl TranscriptFormat {
    /// The value in `core.transcripts.format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
        }
    }
}

/// What was said in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The form it came in.
    pub format: TranscriptFormat,
    /// Language, where the file says it (BCP 47, to the letter).
    pub language_code: Option<String>,
    /// In the order of the file.
    pub segments: Vec<TranscriptSegment>,
}

/// One utterance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TranscriptSegment {
    /// From the start of the session, milliseconds; `None`: not readable.
    pub offset_ms: Option<i64>,
    /// Where it ends, from the start of the session, milliseconds; `None`: the form does not say.
    pub end_offset_ms: Option<i64>,
    /// When it was said.
    pub started_at: Option<DateTime<Utc>>,
    /// Presence of the speaker (peer id), where the form says it.
    pub provider_participant_id: Option<String>,
    /// The provider's id of the speaker.
    pub provider_user_id: Option<String>,
    /// The customer's own id of the speaker. Personal.
    pub custom_participant_id: Option<String>,
    /// Name of the speaker. Personal.
    pub speaker_label: Option<String>,
    /// The name was taken off the text, where it stood before a colon. Participants that become known later may show
    /// that it is none.
    pub is_speaker_in_text: bool,
    /// What was said.
    pub body: String,
}

impl TranscriptSegment {
    /// The person who spoke, by the same rule as a participant's.
    pub fn person(&self) -> Option<PersonRef> {
        participant::person(self.custom_participant_id.as_deref(), self.provider_user_id.as_deref())
    }
}

/// The form of a summary's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SummaryFormat {
    /// Markdown.
    Markdown,
    /// Plain text.
    Text,
}

impl SummaryFormat {
    /// The value in `core.session_summaries.format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Text => "text",
        }
    }
}

/// What a session was about, in the provider's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Form of the text.
    pub format: SummaryFormat,
    /// The text. Personal.
    pub body: String,
}
