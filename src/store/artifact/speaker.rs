//! Names of speakers in the text of subtitles, by the participants of their session.
//!
//! Participants and transcript come in either order. Whichever is saved later decides: a transcript waits for the
//! participants that are being saved, since both lock the task of the transcript.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::model::message::word_count;
use crate::model::speaker;
use crate::model::stream::Stream;
use crate::model::transcript::{Transcript, TranscriptFormat, TranscriptSegment};
use crate::store::artifact::speech::speaker_id;
use crate::store::artifact::{SaveContext, Task};
use crate::store::{Place, StoreError, version};

/// The transcript with its speakers named by the participants that are stored.
pub(super) async fn named<'a>(
    tx: &mut PgConnection,
    task: &Task,
    transcript: &'a Transcript,
) -> Result<Cow<'a, Transcript>, StoreError> {
    if !matches!(transcript.format, TranscriptFormat::Srt | TranscriptFormat::Vtt) {
        return Ok(Cow::Borrowed(transcript));
    }
    let mut transcript = transcript.clone();
    speaker::name_speakers(&mut transcript.segments, &participants(tx, task).await?);
    Ok(Cow::Owned(transcript))
}

/// Names the speakers of the stored transcript once more, after its session's participants have changed.
pub(super) async fn name_again(tx: &mut PgConnection, context: &SaveContext<'_>) -> Result<(), StoreError> {
    let failed = StoreError::doing("naming speakers");
    let task = context.task;
    sqlx::query!(
        "select from ingest.artifact_tasks where source_id = $1 and session_id = $2 and stream = $3 for no key update",
        task.source_id.0,
        task.session_id,
        Stream::Transcript.as_str(),
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let stored = sqlx::query!(
        "select g.position, g.speaker_label, g.is_speaker_in_text, g.body
           from core.transcript_segments g
           join core.transcripts t using (source_id, session_id)
          where g.source_id = $1 and g.session_id = $2 and t.format in ('srt', 'vtt')
          order by g.position",
        task.source_id.0,
        task.session_id,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    if stored.is_empty() {
        return Ok(());
    }
    let (positions, before): (Vec<i32>, Vec<TranscriptSegment>) = stored
        .into_iter()
        .map(|row| {
            let (speaker_label, is_speaker_in_text, body) = (row.speaker_label, row.is_speaker_in_text, row.body);
            (
                row.position,
                TranscriptSegment { speaker_label, is_speaker_in_text, body, ..TranscriptSegment::default() },
            )
        })
        .unzip();
    let mut segments = before.clone();
    speaker::name_speakers(&mut segments, &participants(tx, task).await?);
    if segments == before {
        return Ok(());
    }
    update(tx, context, &positions, &segments).await?;
    version::raise(tx, Place { source_id: task.source_id, stream: Stream::Transcript }).await
}

/// The names of the session's participants.
async fn participants(tx: &mut PgConnection, task: &Task) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        r#"select distinct display_name as "name!" from core.participants
            where source_id = $1 and session_id = $2 and display_name <> ''"#,
        task.source_id.0,
        task.session_id,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading names of participants"))
}

async fn update(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    positions: &[i32],
    segments: &[TranscriptSegment],
) -> Result<(), StoreError> {
    let failed = StoreError::doing("naming speakers");
    let task = context.task;
    let speakers: Vec<Option<String>> = segments.iter().map(|segment| speaker_id(context, segment)).collect();
    let words: Vec<i32> = segments.iter().map(|segment| word_count(&segment.body)).collect();
    let chars = segments.iter().map(|segment| i32::try_from(segment.body.chars().count()).unwrap_or(i32::MAX));
    sqlx::query!(
        "update core.transcript_segments g
            set speaker_label = x.speaker_label, speaker_id = x.speaker_id, body = x.body, word_count = x.words,
                char_count = x.chars, is_speaker_in_text = x.is_speaker_in_text
           from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::int[], $8::int[], $9::bool[])
                x(position, speaker_label, speaker_id, body, words, chars, is_speaker_in_text)
          where g.source_id = $1 and g.session_id = $2 and g.position = x.position
            and (g.speaker_label, g.body) is distinct from (x.speaker_label, x.body)",
        task.source_id.0,
        task.session_id,
        positions,
        &segments.iter().map(|segment| segment.speaker_label.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &speakers as &[Option<String>],
        &segments.iter().map(|segment| segment.body.as_str()).collect::<Vec<_>>() as &[&str],
        &words,
        &chars.collect::<Vec<i32>>(),
        &segments.iter().map(|segment| segment.is_speaker_in_text).collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let speaker_count = speakers.iter().flatten().collect::<BTreeSet<_>>().len();
    sqlx::query!(
        "update core.transcripts set word_count = $3, speaker_count = $4 where source_id = $1 and session_id = $2",
        task.source_id.0,
        task.session_id,
        words.iter().fold(0, |sum: i32, words| sum.saturating_add(*words)),
        i32::try_from(speaker_count).unwrap_or(i32::MAX),
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}
