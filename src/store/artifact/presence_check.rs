//! Checks that the rows of an unchanged artifact exist.
//!
//! A task stores the hash of its content, but the rows may have been deleted, with their session or by hand. So a
//! rebuild must not rely on the hash alone.

use sqlx::PgConnection;

use crate::store::StoreError;
use crate::store::artifact::{Content, Found, Task};

/// Whether the rows of an unchanged artifact are all stored.
pub(super) async fn is_there(tx: &mut PgConnection, task: &Task, content: &Content<'_>) -> Result<bool, StoreError> {
    let counts = sqlx::query!(
        r#"select (select count(*) from core.participants where source_id = $1 and session_id = $2) as "participants!",
                  (select count(*) from core.messages where source_id = $1 and session_id = $2) as "messages!",
                  (select count(*) from core.transcript_segments
                    where source_id = $1 and session_id = $2) as "segments!",
                  (select count(*) from core.transcripts where source_id = $1 and session_id = $2) as "transcripts!",
                  (select count(*) from core.session_summaries
                    where source_id = $1 and session_id = $2) as "summaries!",
                  (select count(*) from core.session_stats where source_id = $1 and session_id = $2) as "stats!",
                  (select count(*) from core.session_participation
                    where source_id = $1 and session_id = $2) as "participations!""#,
        task.source_id.0,
        task.session_id,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("counting the rows of an artifact"))?;
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(match content.found {
        Found::Participants { list, .. } => counts.participations == 1 && counts.participants == number(list.len()),
        Found::Chat(messages) => counts.stats == 1 && counts.messages == number(messages.len()),
        Found::Transcript(transcript) => {
            counts.transcripts == 1 && counts.segments == number(transcript.segments.len())
        }
        Found::Summary(_) => counts.summaries == 1,
        Found::Quality(_) => false,
    })
}
