//! Transcripts and summaries.
//!
//! A speaker's pseudonym is made from the best name the file has for them, so that it is the same as the
//! participant's where the file says who that is, and the same whenever the file is read again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::message::word_count;
use crate::model::person::PersonRef;
use crate::model::transcript::{Summary, Transcript, TranscriptSegment};
use crate::store::StoreError;
use crate::store::artifact::{SaveContext, Task, speaker};

/// Segments written by one statement.
const CHUNK: usize = 4_000;

/// Makes the session's transcript equal to `transcript`.
pub(super) async fn replace_transcript(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    transcript: &Transcript,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("writing a transcript");
    let task = context.task;
    let transcript = &*speaker::named(tx, task, transcript).await?;
    let speakers: Vec<Option<String>> = transcript.segments.iter().map(|s| speaker_id(context, s)).collect();
    let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let words: Vec<i32> = transcript.segments.iter().map(|segment| word_count(&segment.body)).collect();
    sqlx::query!(
        "insert into core.transcripts (source_id, session_id, format, language_code, segment_count, word_count,
                                       speaker_count, fetched_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (source_id, session_id) do update
            set format = excluded.format, language_code = excluded.language_code,
                segment_count = excluded.segment_count, word_count = excluded.word_count,
                speaker_count = excluded.speaker_count, fetched_at = excluded.fetched_at",
        task.source_id.0,
        task.session_id,
        transcript.format.as_str(),
        transcript.language_code,
        number(transcript.segments.len()),
        words.iter().fold(0, |sum: i32, words| sum.saturating_add(*words)),
        number(speakers.iter().flatten().collect::<BTreeSet<_>>().len()),
        context.now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "delete from core.transcript_segments where source_id = $1 and session_id = $2",
        task.source_id.0,
        task.session_id,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let all: Vec<usize> = (0..transcript.segments.len()).collect();
    for chunk in all.chunks(CHUNK) {
        insert_segments(tx, task, transcript, &speakers, &words, chunk).await?;
    }
    Ok(())
}

async fn insert_segments(
    tx: &mut PgConnection,
    task: &Task,
    transcript: &Transcript,
    speakers: &[Option<String>],
    words: &[i32],
    chunk: &[usize],
) -> Result<(), StoreError> {
    let segments: Vec<&TranscriptSegment> = chunk.iter().map(|at| &transcript.segments[*at]).collect();
    let positions: Vec<i32> = chunk.iter().map(|at| i32::try_from(*at).unwrap_or(i32::MAX)).collect();
    let offsets: Vec<Option<i64>> = segments.iter().map(|segment| segment.offset_ms).collect();
    let ends: Vec<Option<i64>> = segments.iter().map(|segment| segment.end_offset_ms).collect();
    let starts: Vec<Option<DateTime<Utc>>> = segments.iter().map(|segment| segment.started_at).collect();
    let chars = segments.iter().map(|s| i32::try_from(s.body.chars().count()).unwrap_or(i32::MAX));
    let peers: Vec<Option<&str>> = segments.iter().map(|s| s.provider_participant_id.as_deref()).collect();
    let labels: Vec<Option<&str>> = segments.iter().map(|s| s.speaker_label.as_deref()).collect();
    let bodies: Vec<&str> = segments.iter().map(|segment| segment.body.as_str()).collect();
    let speakers: Vec<Option<&str>> = chunk.iter().map(|at| speakers[*at].as_deref()).collect();
    let words: Vec<i32> = chunk.iter().map(|at| words[*at]).collect();
    sqlx::query!(
        "insert into core.transcript_segments (source_id, session_id, position, offset_ms, end_offset_ms, started_at,
                word_count, char_count, provider_participant_id, speaker_id, speaker_label, body,
                is_speaker_in_text)
         select $1, $2, x.* from unnest($3::int[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::int[], $8::int[],
                                        $9::text[], $10::text[], $11::text[], $12::text[], $13::bool[]) x",
        task.source_id.0,
        task.session_id,
        &positions,
        &offsets as &[Option<i64>],
        &ends as &[Option<i64>],
        &starts as &[Option<DateTime<Utc>>],
        &words,
        &chars.collect::<Vec<i32>>(),
        &peers as &[Option<&str>],
        &speakers as &[Option<&str>],
        &labels as &[Option<&str>],
        &bodies as &[&str],
        &segments.iter().map(|segment| segment.is_speaker_in_text).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing segments"))?;
    Ok(())
}

/// The person who spoke; else whoever joined there, else whoever has this name in this session.
pub(super) fn speaker_id(context: &SaveContext<'_>, segment: &TranscriptSegment) -> Option<String> {
    let session = context.task.session.provider_session_id.as_str();
    let within = |identity_kind, name: &str| PersonRef { identity_kind, identity: format!("{session}\n{name}") };
    let person = segment
        .person()
        .or_else(|| Some(within("participant", segment.provider_participant_id.as_deref()?)))
        .or_else(|| Some(within("speaker_label", segment.speaker_label.as_deref()?)))?;
    Some(context.person_key.person_id(context.source_slug, &person))
}

/// Makes the session's summary equal to `summary`.
pub(super) async fn replace_summary(
    tx: &mut PgConnection,
    task: &Task,
    summary: &Summary,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into core.session_summaries as t (source_id, session_id, format, body, word_count, fetched_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (source_id, session_id) do update
            set format = excluded.format, body = excluded.body, word_count = excluded.word_count,
                fetched_at = excluded.fetched_at
          where (t.format, t.body, t.word_count, t.fetched_at)
                is distinct from (excluded.format, excluded.body, excluded.word_count, excluded.fetched_at)",
        task.source_id.0,
        task.session_id,
        summary.format.as_str(),
        summary.body,
        word_count(&summary.body),
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing a summary"))?;
    Ok(())
}
