//! Accepted gaps: ranges that were read without proof and that an operator accepts.
//!
//! Only doubtful ranges can be accepted: the next poll reads ranges that were never read. An accepted gap stays
//! unproven, but no longer holds back `complete_through`, and polls skip it. Each command is written into the
//! journal of operations in the same transaction; nothing is deleted.

use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::StoreError;
use crate::store::operation::{self, Operation};

/// Result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its number in the journal of operations.
    pub operation_id: i64,
    /// The ranges that were accepted or reopened, oldest first.
    pub windows: Vec<Window>,
}

/// Accepts the doubtful ranges within `range` that are not accepted yet. `None`: there are none, and nothing was
/// written.
pub async fn accept(
    pool: &PgPool,
    wish: &Operation<'_>,
    stream: Stream,
    range: &Window,
    note: &str,
) -> Result<Option<Changed>, StoreError> {
    let failed = StoreError::doing("accepting an unproven range");
    let mut tx = pool.begin().await.map_err(&failed)?;
    lock(&mut tx, wish, stream).await?;
    let rows = sqlx::query!(
        r#"with gap as (
             select unnest((coalesce((select range_agg(tstzrange(greatest(w.window_from, $3::timestamptz), least(w.window_to, $4::timestamptz)))
                                        from ingest.windows w
                                       where w.source_id = $1 and w.stream = $2 and not w.is_complete
                                         and w.window_from < $4::timestamptz and w.window_to > $3::timestamptz), '{}')
                            - coalesce((select range_agg(tstzrange(h.window_from, h.window_to))
                                          from ingest.accepted_gaps h
                                         where h.source_id = $1 and h.stream = $2 and h.reopened_at is null), '{}'))) as r)
           insert into ingest.accepted_gaps (source_id, stream, window_from, window_to, accepted_at, accepted_by, note)
           select $1, $2, lower(r), upper(r), $5, $6, $7 from gap order by 3
           returning window_from, window_to"#,
        wish.source_id.map(|id| id.0),
        stream.as_str(),
        range.from,
        range.to,
        wish.now,
        wish.operator.requested_by,
        note,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let windows = rows.into_iter().map(|row| Window { from: row.window_from, to: row.window_to });
    write_down(tx, wish, windows.collect(), Some(note)).await
}

/// Reopens every accepted gap that touches `range`. `None`: there is none, and nothing was written.
pub async fn reopen(
    pool: &PgPool,
    wish: &Operation<'_>,
    stream: Stream,
    range: &Window,
) -> Result<Option<Changed>, StoreError> {
    let failed = StoreError::doing("reopening an accepted range");
    let mut tx = pool.begin().await.map_err(&failed)?;
    lock(&mut tx, wish, stream).await?;
    let rows = sqlx::query!(
        "update ingest.accepted_gaps set reopened_at = $5, reopened_by = $6
          where source_id = $1 and stream = $2 and reopened_at is null and window_from < $4 and window_to > $3
         returning window_from, window_to",
        wish.source_id.map(|id| id.0),
        stream.as_str(),
        range.from,
        range.to,
        wish.now,
        wish.operator.requested_by,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let windows = rows.into_iter().map(|row| Window { from: row.window_from, to: row.window_to });
    write_down(tx, wish, windows.collect(), None).await
}

/// Locks the stream's row: one command at a time, and no proof in between.
async fn lock(tx: &mut PgConnection, wish: &Operation<'_>, stream: Stream) -> Result<(), StoreError> {
    sqlx::query!(
        r#"select 1 as "one!" from ingest.streams where source_id = $1 and stream = $2 for no key update"#,
        wish.source_id.map(|id| id.0),
        stream.as_str(),
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("waiting for the windows of a stream"))?;
    Ok(())
}

async fn write_down(
    mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
    wish: &Operation<'_>,
    mut windows: Vec<Window>,
    note: Option<&str>,
) -> Result<Option<Changed>, StoreError> {
    if windows.is_empty() {
        return Ok(None);
    }
    windows.sort_by_key(|window| window.from);
    let named: Vec<String> = windows.iter().map(ToString::to_string).collect();
    let target = [named.join(", ")].into_iter().chain(note.map(ToOwned::to_owned)).collect::<Vec<_>>().join(": ");
    let operation_id = operation::record(&mut tx, &Operation { target: Some(&target), ..*wish }).await?;
    tx.commit().await.map_err(StoreError::doing("recording accepted ranges"))?;
    Ok(Some(Changed { operation_id, windows }))
}

/// Returns the accepted ranges, oldest first.
pub async fn accepted(pool: &PgPool, source_id: SourceId, stream: Stream) -> Result<Vec<Window>, StoreError> {
    let rows = sqlx::query!(
        "select window_from, window_to from ingest.accepted_gaps
          where source_id = $1 and stream = $2 and reopened_at is null
          order by window_from",
        source_id.0,
        stream.as_str(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading accepted ranges"))?;
    Ok(rows.into_iter().map(|row| Window { from: row.window_from, to: row.window_to }).collect())
}
