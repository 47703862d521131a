//! Trimming of completeness windows that end in the future.
//!
//! A stream that is marked complete up to a future instant would never read what lies before it, and would report
//! zeros for days that have not happened. Such a window is due to a wrong clock or a manual change: it is trimmed and
//! reported. This module must not know how windows are proven.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::hold::Hold;
use crate::store::{StoreError, state_coverage};

/// Trims windows that end beyond `limit` to `now`. Returns the end of the furthest one trimmed.
pub async fn take_back(
    pool: &PgPool,
    hold: &Hold,
    limit: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let failed = StoreError::doing("trimming completeness windows that end in the future");
    let place = hold.place();
    let furthest = sqlx::query_scalar!(
        "select max(window_to) from ingest.windows
          where source_id = $1 and stream = $2 and is_complete and window_to > $3",
        place.source_id.0,
        place.stream.as_str(),
        limit,
    )
    .fetch_one(pool)
    .await
    .map_err(&failed)?;
    if furthest.is_none() {
        return Ok(None);
    }
    let mut tx = pool.begin().await.map_err(&failed)?;
    hold.guard(&mut tx).await?;
    sqlx::query!(
        "delete from ingest.windows where source_id = $1 and stream = $2 and is_complete and window_from >= $3",
        place.source_id.0,
        place.stream.as_str(),
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "update ingest.windows set window_to = $3
          where source_id = $1 and stream = $2 and is_complete and window_to > $3",
        place.source_id.0,
        place.stream.as_str(),
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    state_coverage::forget_future(&mut tx, place, now).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(furthest)
}
