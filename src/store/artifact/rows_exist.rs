//! Checks that the rows of an unchanged artifact exist.
//!
//! A task stores the hash of its content, but the rows may have been deleted, with their session or by hand. So a
//! rebuild must not rely on the hash alone.

use sqlx::PgConnection;

use crate::model::artifact::Artifact;
use crate::store::StoreError;
use crate::store::artifact::task::Task;

/// Whether the rows of an unchanged artifact are all stored.
pub(super) async fn is_there(tx: &mut PgConnection, task: &Task, artifact: &Artifact) -> Result<bool, StoreError> {
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
    let number = i64::try_from(artifact.len()).unwrap_or(i64::MAX);
    Ok(match artifact {
        Artifact::Participants(_) => counts.participations == 1 && counts.participants == number,
        Artifact::Chat(_) => counts.stats == 1 && counts.messages == number,
        Artifact::Transcript(_) => counts.transcripts == 1 && counts.segments == number,
        Artifact::Summary(_) => counts.summaries == 1,
        Artifact::Quality(_) => false,
    })
}
