//! Transcripts and summaries.
//!
//! A speaker's pseudonym is derived from the best identity in the file. So it equals the participant's pseudonym
//! where the file identifies the participant, and stays the same whenever the file is read again.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::word_count;
use crate::model::person::PersonRef;
use crate::model::transcript::{Summary, Transcript, TranscriptSegment};
use crate::store::StoreError;
use crate::store::artifact::content::SaveContext;
use crate::store::bulk::batches;

/// Segments written by one statement.
const BATCH_ROWS: usize = 4_000;

/// One segment with derived values.
struct Row<'a> {
    session_id: i64,
    position: i32,
    segment: &'a TranscriptSegment,
    speaker_id: Option<String>,
    words: i32,
}

/// Replaces the transcript of each session with the found one.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    transcripts: &[(SaveContext<'_>, Cow<'_, Transcript>)],
) -> Result<(), StoreError> {
    if transcripts.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<Row<'_>>> = transcripts.iter().map(|(context, transcript)| rows(context, transcript)).collect();
    upsert_transcripts(tx, source_id, transcripts, &rows).await?;
    let stored = transcripts.iter().filter(|(context, _)| context.task.has_content());
    let stored: Vec<i64> = stored.map(|(context, _)| context.task.session_id).collect();
    if !stored.is_empty() {
        sqlx::query!(
            "delete from core.transcript_segments where source_id = $1 and session_id = any($2)",
            source_id.0,
            &stored,
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("writing a transcript"))?;
    }
    let rows: Vec<Row<'_>> = rows.into_iter().flatten().collect();
    for batch in batches(&rows, BATCH_ROWS, |row| row.segment.body.len()) {
        insert_segments(tx, source_id, batch).await?;
    }
    Ok(())
}

fn rows<'a>(context: &SaveContext<'_>, transcript: &'a Transcript) -> Vec<Row<'a>> {
    let row = |(position, segment): (usize, &'a TranscriptSegment)| Row {
        session_id: context.task.session_id,
        position: number(position),
        segment,
        speaker_id: speaker_id(context, segment),
        words: word_count(&segment.body),
    };
    transcript.segments.iter().enumerate().map(row).collect()
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

async fn upsert_transcripts(
    tx: &mut PgConnection,
    source_id: SourceId,
    transcripts: &[(SaveContext<'_>, Cow<'_, Transcript>)],
    rows: &[Vec<Row<'_>>],
) -> Result<(), StoreError> {
    let speakers =
        |rows: &Vec<Row<'_>>| number(rows.iter().filter_map(|r| r.speaker_id.as_ref()).collect::<BTreeSet<_>>().len());
    let words = |rows: &Vec<Row<'_>>| rows.iter().fold(0, |sum: i32, row| sum.saturating_add(row.words));
    let languages: Vec<Option<&str>> = transcripts.iter().map(|(_, one)| one.language_code.as_deref()).collect();
    sqlx::query!(
        "insert into core.transcripts (source_id, session_id, format, language_code, segment_count, word_count,
                                       speaker_count, fetched_at)
         select $1, x.* from unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[],
                                    $8::timestamptz[]) x
         on conflict (source_id, session_id) do update
            set format = excluded.format, language_code = excluded.language_code,
                segment_count = excluded.segment_count, word_count = excluded.word_count,
                speaker_count = excluded.speaker_count, fetched_at = excluded.fetched_at",
        source_id.0,
        &transcripts.iter().map(|(context, _)| context.task.session_id).collect::<Vec<_>>(),
        &transcripts.iter().map(|(_, one)| one.format.as_str()).collect::<Vec<_>>() as &[&str],
        &languages as &[Option<&str>],
        &rows.iter().map(|rows| number(rows.len())).collect::<Vec<_>>(),
        &rows.iter().map(words).collect::<Vec<_>>(),
        &rows.iter().map(speakers).collect::<Vec<_>>(),
        &transcripts.iter().map(|(context, _)| context.now).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing transcripts"))?;
    Ok(())
}

async fn insert_segments(tx: &mut PgConnection, source_id: SourceId, rows: &[Row<'_>]) -> Result<(), StoreError> {
    let text = |of: fn(&TranscriptSegment) -> Option<&str>| rows.iter().map(|row| of(row.segment)).collect::<Vec<_>>();
    let offset = |of: fn(&TranscriptSegment) -> Option<i64>| rows.iter().map(|row| of(row.segment)).collect::<Vec<_>>();
    let starts: Vec<Option<DateTime<Utc>>> = rows.iter().map(|row| row.segment.started_at).collect();
    let speakers: Vec<Option<&str>> = rows.iter().map(|row| row.speaker_id.as_deref()).collect();
    let bodies: Vec<&str> = rows.iter().map(|row| row.segment.body.as_str()).collect();
    sqlx::query!(
        "insert into core.transcript_segments (source_id, session_id, position, offset_ms, end_offset_ms, started_at,
                word_count, char_count, provider_participant_id, speaker_id, speaker_label, body, is_speaker_in_text,
                search_language)
         select $1, x.*, (select s.search_language from core.sources s where s.source_id = $1)
           from unnest($2::bigint[], $3::int[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::int[],
                                    $8::int[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bool[]) x",
        source_id.0,
        &rows.iter().map(|row| row.session_id).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.position).collect::<Vec<_>>(),
        &offset(|segment| segment.offset_ms) as &[Option<i64>],
        &offset(|segment| segment.end_offset_ms) as &[Option<i64>],
        &starts as &[Option<DateTime<Utc>>],
        &rows.iter().map(|row| row.words).collect::<Vec<_>>(),
        &bodies.iter().map(|body| number(body.chars().count())).collect::<Vec<_>>(),
        &text(|segment| segment.provider_participant_id.as_deref()) as &[Option<&str>],
        &speakers as &[Option<&str>],
        &text(|segment| segment.speaker_label.as_deref()) as &[Option<&str>],
        &bodies as &[&str],
        &rows.iter().map(|row| row.segment.is_speaker_in_text).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing segments"))?;
    Ok(())
}

/// Replaces the summary of each session with the found one.
pub(super) async fn replace_summaries(
    tx: &mut PgConnection,
    source_id: SourceId,
    summaries: &[(SaveContext<'_>, &Summary)],
) -> Result<(), StoreError> {
    if summaries.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into core.session_summaries as t (source_id, session_id, format, body, word_count, fetched_at,
                                                 search_language)
         select $1, x.*, (select s.search_language from core.sources s where s.source_id = $1)
           from unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::timestamptz[]) x
         on conflict (source_id, session_id) do update
            set format = excluded.format, body = excluded.body, word_count = excluded.word_count,
                fetched_at = excluded.fetched_at, search_language = excluded.search_language
          where (t.format, t.body, t.word_count, t.fetched_at)
                is distinct from (excluded.format, excluded.body, excluded.word_count, excluded.fetched_at)",
        source_id.0,
        &summaries.iter().map(|(context, _)| context.task.session_id).collect::<Vec<_>>(),
        &summaries.iter().map(|(_, one)| one.format.as_str()).collect::<Vec<_>>() as &[&str],
        &summaries.iter().map(|(_, one)| one.body.as_str()).collect::<Vec<_>>() as &[&str],
        &summaries.iter().map(|(_, one)| word_count(&one.body)).collect::<Vec<_>>(),
        &summaries.iter().map(|(context, _)| context.now).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing summaries"))?;
    Ok(())
}

/// Returns the speaker's pseudonym: by person, else by presence, else by name within this session.
pub(super) fn speaker_id(context: &SaveContext<'_>, segment: &TranscriptSegment) -> Option<String> {
    let session = context.task.session.provider_session_id.as_str();
    let within = |identity_kind, name: &str| PersonRef { identity_kind, identity: format!("{session}\n{name}") };
    let person = segment
        .person()
        .or_else(|| Some(within("participant", segment.provider_participant_id.as_deref()?)))
        .or_else(|| Some(within("speaker_label", segment.speaker_label.as_deref()?)))?;
    Some(context.person_key.person_id(context.source_slug, &person))
}
