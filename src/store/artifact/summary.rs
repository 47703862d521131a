//! Summaries.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::word_count;
use crate::model::transcript::Summary;
use crate::store::StoreError;
use crate::store::artifact::content::SaveContext;

/// Replaces the summary of each session with the found one.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    summaries: &[(SaveContext<'_>, &Summary)],
) -> Result<(), StoreError> {
    if summaries.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into core.session_summaries as t (source_id, session_id, format, body, word_count, fetched_at)
         select $1, x.* from unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::timestamptz[]) x
         on conflict (source_id, session_id) do update
            set format = excluded.format, body = excluded.body, word_count = excluded.word_count,
                fetched_at = excluded.fetched_at
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
