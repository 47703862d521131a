//! The transcript of one session: what was said, by whom, and who said how much.
//!
//! Texts and names are personal and live in `analytics_pii`. A transcript comes in the order of its file, which is
//! the order in which it was said.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::number::Number;
use crate::query::{ReadError, reading};

/// A transcript as a whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TranscriptFacts {
    /// Form it came in: `json`, `csv`, `srt` or `vtt`.
    #[schema(example = "json")]
    pub format: String,
    /// Language, where the file says it.
    #[schema(example = "en-US")]
    pub language_code: Option<String>,
    /// Utterances.
    pub segment_count: i32,
    /// Words.
    pub word_count: i32,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
}

/// Who spoke, and how much.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Speaker {
    /// Pseudonym, the `person_id` of a participant where known; null: not said.
    pub speaker_id: Option<String>,
    /// Name. Personal.
    #[schema(example = "Ada")]
    pub label: Option<String>,
    /// Words said.
    pub words: i64,
    /// Share of the speaking time, 0 to 1; of the characters where an utterance has no start or no end. Null: there is
    /// neither.
    #[schema(example = 0.6)]
    pub talk_share: Option<Number>,
}

/// One utterance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TranscriptSegment {
    /// Place in the transcript, from 0.
    pub position: i32,
    /// When it was said; null: not readable.
    pub started_at: Option<DateTime<Utc>>,
    /// From the start of the session, seconds; null: not readable.
    pub offset_seconds: Option<Number>,
    /// Where it ends, from the start of the session, seconds; null: not said.
    pub end_offset_seconds: Option<Number>,
    /// The presence that spoke, as in `/participants`; null: not known.
    pub participant_id: Option<i64>,
    /// Pseudonym of the speaker; null: not said.
    pub speaker_id: Option<String>,
    /// Name of the speaker. Personal.
    #[schema(example = "Ada")]
    pub speaker: Option<String>,
    /// What was said. Personal.
    pub body: String,
    /// Words.
    pub word_count: i32,
}

/// The transcript of a session as a whole; `None`: none is stored.
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

/// Who spoke, by how much. Without a pseudonym, those of one name are one speaker.
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

/// Up to `limit` utterances after the one at position `after`; all of them without a limit.
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
