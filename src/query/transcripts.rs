//! The transcript of one session: its utterances, their speakers, and each speaker's share.
//!
//! Texts and names are personal data and live in `analytics_pii`. A transcript is in the order of its file, which is
//! the order of speech.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::number::Number;
use crate::query::{ReadError, reading};

/// Facts about a whole transcript.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TranscriptFacts {
    /// Format of the file: `json`, `csv`, `srt` or `vtt`.
    pub format: String,
    /// Language, if the file states it.
    pub language_code: Option<String>,
    /// Number of utterances.
    pub segment_count: i32,
    /// Number of words.
    pub word_count: i32,
    /// Time at which it was fetched.
    pub fetched_at: DateTime<Utc>,
}

/// A speaker, and the share of speech.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Speaker {
    /// Pseudonym, the `person_id` of a participant if known; null: not given.
    pub speaker_id: Option<String>,
    /// Name. Personal.
    pub label: Option<String>,
    /// Number of words spoken.
    pub words: i64,
    /// Share of the speaking time, 0 to 1; share of the characters if an utterance has no start or no end. Null:
    /// there is neither.
    pub talk_share: Option<Number>,
}

/// One utterance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TranscriptSegment {
    /// Position in the transcript, from 0.
    pub position: i32,
    /// Time at which it began; null: unreadable.
    pub started_at: Option<DateTime<Utc>>,
    /// Start, seconds from the start of the session; null: unreadable.
    pub offset_seconds: Option<Number>,
    /// End, seconds from the start of the session; null: not given.
    pub end_offset_seconds: Option<Number>,
    /// The presence that spoke, as in `/participants`; null: unknown.
    pub participant_id: Option<i64>,
    /// Pseudonym of the speaker; null: not given.
    pub speaker_id: Option<String>,
    /// Name of the speaker. Personal.
    pub speaker: Option<String>,
    /// Text of the utterance. Personal.
    pub body: String,
    /// Number of words.
    pub word_count: i32,
}

/// Returns the facts about a session's transcript; `None`: none is stored.
pub async fn find(pool: &PgPool, of: &Parts) -> Result<Option<TranscriptFacts>, ReadError> {
    sqlx::query_as!(
        TranscriptFacts,
        r#"
        select t.format as "format!", t.language_code, t.segment_count as "segment_count!",
               t.word_count as "word_count!", t.fetched_at as "fetched_at!"
          from analytics.transcripts t
         where t.source_id = $1 and t.session_id = $2 and t.fetched_at is not null
        "#,
        of.source_id,
        of.session_id
    )
    .fetch_optional(pool)
    .await
    .map_err(reading("a transcript"))
}

/// Returns the speakers, with their shares. Without a pseudonym, utterances with the same name count as one speaker.
pub async fn speakers(pool: &PgPool, of: &Parts) -> Result<Vec<Speaker>, ReadError> {
    sqlx::query_as!(
        Speaker,
        r#"
        select g.speaker_id, min(text.speaker_label) as label, sum(g.word_count)::bigint as "words!",
               sum(g.seconds) / nullif(sum(sum(g.seconds)) over (), 0) as "talk_share: Number"
          from (select t.*, analytics.speaking_seconds(
                         bool_and(analytics.is_timed(t.offset_seconds, t.end_offset_seconds, t.char_count)) over (),
                         t.offset_seconds, t.end_offset_seconds, t.char_count) as seconds
                  from analytics.transcript_segments t
                 where t.source_id = $1 and t.session_id = $2) g
          join analytics_pii.transcript_segments text using (source_id, session_id, position)
         group by g.speaker_id, case when g.speaker_id is null then text.speaker_label end
         order by sum(g.seconds) desc, g.speaker_id, min(text.speaker_label)
        "#,
        of.source_id,
        of.session_id
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the speakers of a transcript"))
}

/// Returns up to `limit` utterances after the one at position `after`; all of them without a limit.
pub async fn segments(
    pool: &PgPool,
    of: &Parts,
    after: Option<i32>,
    limit: Option<i64>,
) -> Result<Vec<TranscriptSegment>, ReadError> {
    sqlx::query_as!(
        TranscriptSegment,
        r#"
        select g.position as "position!", g.started_at, g.offset_seconds as "offset_seconds: Number",
               g.end_offset_seconds as "end_offset_seconds: Number", g.participant_id, g.speaker_id,
               text.speaker_label as speaker, text.body as "body!", g.word_count as "word_count!"
          from analytics.transcript_segments g
          join analytics_pii.transcript_segments text using (source_id, session_id, position)
         where g.source_id = $1 and g.session_id = $2 and g.position > $3
         order by g.position
         limit $4
        "#,
        of.source_id,
        of.session_id,
        after.unwrap_or(-1),
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the utterances of a transcript"))
}
