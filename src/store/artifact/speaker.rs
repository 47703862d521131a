//! Names of speakers in the text of subtitles, matched with the participants of their session.
//!
//! Participants and transcript may be stored in either order, and the later one does the matching. Both lock the task
//! of the transcript, so a transcript waits for participants that are being saved.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::word_count;
use crate::model::speaker;
use crate::model::stream::Stream;
use crate::model::transcript::{Transcript, TranscriptFormat, TranscriptSegment};
use crate::store::artifact::content::SaveContext;
use crate::store::artifact::transcript::speaker_id;
use crate::store::data_version::{self, Changed};
use crate::store::{StoreError, StreamKey};

/// Returns transcripts with their speakers named by the stored participants.
pub(super) async fn named<'a>(
    tx: &mut PgConnection,
    source_id: SourceId,
    transcripts: Vec<(SaveContext<'a>, &'a Transcript)>,
) -> Result<Vec<(SaveContext<'a>, Cow<'a, Transcript>)>, StoreError> {
    let is_subtitle = |one: &Transcript| matches!(one.format, TranscriptFormat::Srt | TranscriptFormat::Vtt);
    let sessions = transcripts.iter().filter(|(_, transcript)| is_subtitle(transcript));
    let sessions: Vec<i64> = sessions.map(|(context, _)| context.task.session_id).collect();
    let names = participants(tx, source_id, &sessions).await?;
    let name = |(context, transcript): (SaveContext<'a>, &'a Transcript)| {
        if !is_subtitle(transcript) {
            return (context, Cow::Borrowed(transcript));
        }
        let mut transcript = transcript.clone();
        let names = names.get(&context.task.session_id).map_or(&[][..], Vec::as_slice);
        speaker::name_speakers(&mut transcript.segments, names);
        (context, Cow::Owned(transcript))
    };
    Ok(transcripts.into_iter().map(name).collect())
}

/// Matches the speakers of stored transcripts again, after their sessions' participants have changed. The tasks of
/// these transcripts are locked.
pub(super) async fn name_again(
    tx: &mut PgConnection,
    source_id: SourceId,
    contexts: &[SaveContext<'_>],
) -> Result<(), StoreError> {
    let sessions: Vec<i64> = contexts.iter().map(|context| context.task.session_id).collect();
    if sessions.is_empty() {
        return Ok(());
    }
    let stored = sqlx::query!(
        "select g.session_id, g.position, g.speaker_label, g.is_speaker_in_text, g.body
           from core.transcript_segments g
           join core.transcripts t using (source_id, session_id)
          where g.source_id = $1 and g.session_id = any($2) and t.format in ('srt', 'vtt')
            -- of an erased utterance there is no text to count words in
            and not exists (select from core.transcript_segments e
                             where e.source_id = g.source_id and e.session_id = g.session_id
                               and e.body = '' and e.char_count > 0)
          order by g.session_id, g.position",
        source_id.0,
        &sessions,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("naming speakers"))?;
    if stored.is_empty() {
        return Ok(());
    }
    let names = participants(tx, source_id, &sessions).await?;
    let mut transcripts: BTreeMap<i64, Vec<(i32, TranscriptSegment)>> = BTreeMap::new();
    for row in stored {
        let (speaker_label, is_speaker_in_text, body) = (row.speaker_label, row.is_speaker_in_text, row.body);
        let segment = TranscriptSegment { speaker_label, is_speaker_in_text, body, ..TranscriptSegment::default() };
        transcripts.entry(row.session_id).or_default().push((row.position, segment));
    }
    let mut has_changed = false;
    for context in contexts {
        let Some(stored) = transcripts.remove(&context.task.session_id) else { continue };
        let (positions, before): (Vec<i32>, Vec<TranscriptSegment>) = stored.into_iter().unzip();
        let mut segments = before.clone();
        let names = names.get(&context.task.session_id).map_or(&[][..], Vec::as_slice);
        speaker::name_speakers(&mut segments, names);
        if segments != before {
            update(tx, context, &positions, &segments).await?;
            has_changed = true;
        }
    }
    if has_changed {
        // the caller dates the sessions
        data_version::raise(tx, StreamKey { source_id, stream: Stream::Transcript }, &Changed::nothing()).await?;
    }
    Ok(())
}

/// Returns the names of the participants of sessions.
async fn participants(
    tx: &mut PgConnection,
    source_id: SourceId,
    sessions: &[i64],
) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let mut names: HashMap<i64, Vec<String>> = HashMap::new();
    if sessions.is_empty() {
        return Ok(names);
    }
    let rows = sqlx::query!(
        r#"select distinct session_id, display_name as "name!" from core.participants
            where source_id = $1 and session_id = any($2) and display_name <> ''"#,
        source_id.0,
        sessions,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading names of participants"))?;
    for row in rows {
        names.entry(row.session_id).or_default().push(row.name);
    }
    Ok(names)
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
