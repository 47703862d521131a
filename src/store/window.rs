//! Time ranges that are proven complete, and those known not to be.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::hold::Hold;
use crate::store::{Place, StoreError, version};

/// A proof or denial of completeness of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The time range.
    pub window: Window,
    /// `None`: proven complete; else the reason why it is not.
    pub doubt: Option<String>,
    /// The provider's own count.
    pub provider_total: Option<i64>,
    /// Distinct records read.
    pub distinct_count: i64,
}

impl Finding {
    /// Returns the finding for a window that could not be read at all.
    pub fn unread(window: Window, doubt: String) -> Self {
        Self { window, doubt: Some(doubt), provider_total: None, distinct_count: 0 }
    }
}

/// Returns the ranges that are proven complete, oldest first; they neither overlap nor touch.
pub async fn proven(pool: &PgPool, source_id: SourceId, stream: Stream) -> Result<Vec<Window>, StoreError> {
    let rows = sqlx::query!(
        "select window_from, window_to from ingest.windows
          where source_id = $1 and stream = $2 and is_complete
          order by window_from",
        source_id.0,
        stream.as_str(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading proven ranges"))?;
    Ok(rows.into_iter().map(|row| Window { from: row.window_from, to: row.window_to }).collect())
}

/// Returns the instant up to which a stream is proven complete since its history began, with accepted holes counted
/// as complete.
pub async fn complete_through(
    pool: &PgPool,
    source_id: SourceId,
    stream: Stream,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let end = sqlx::query_scalar!(
        "select complete_through from analytics.stream_freshness where source_id = $1 and stream = $2",
        source_id.0,
        stream.as_str(),
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("reading how far a stream is complete"))?;
    Ok(end.flatten())
}

/// Writes a denial on its own; a proof is written with the last page of its window.
pub async fn deny(
    pool: &PgPool,
    hold: &Hold,
    finding: &Finding,
    run_id: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("marking a window incomplete");
    let mut tx = pool.begin().await.map_err(&failed)?;
    hold.guard(&mut tx).await?;
    record(&mut tx, hold.place(), finding, (run_id, now), false).await?;
    tx.commit().await.map_err(&failed)
}

/// Returns the ranges that are known not to be complete, with the time of their last walk.
pub async fn doubtful(
    pool: &PgPool,
    source_id: SourceId,
    stream: Stream,
) -> Result<Vec<(Window, DateTime<Utc>)>, StoreError> {
    let rows = sqlx::query!(
        "select window_from, window_to, checked_at from ingest.windows
          where source_id = $1 and stream = $2 and not is_complete
          order by window_from",
        source_id.0,
        stream.as_str(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading unproven ranges"))?;
    Ok(rows.into_iter().map(|row| (Window { from: row.window_from, to: row.window_to }, row.checked_at)).collect())
}

/// Serializes transactions that write proofs of a stream: two that concurrently prove adjacent ranges would not see
/// each other, and leave two ranges instead of one. Locked before any session is written, as the lease is.
pub(super) async fn take_turn(tx: &mut PgConnection, place: Place) -> Result<(), StoreError> {
    sqlx::query!(
        r#"select 1 as "one!" from ingest.streams where source_id = $1 and stream = $2 for no key update"#,
        place.source_id.0,
        place.stream.as_str(),
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("waiting to record how far a stream is complete"))?;
    Ok(())
}

/// Records a finding, within the transaction of the page that completes it; `is_writing` increments the data version.
/// Proven ranges that overlap or touch are merged, and earlier denials within the range are replaced. Parts of them
/// outside remain gaps. The state of a proven range counts as seen.
pub(super) async fn record(
    tx: &mut PgConnection,
    place: Place,
    finding: &Finding,
    (run_id, now): (i64, DateTime<Utc>),
    is_writing: bool,
) -> Result<(), StoreError> {
    let window = finding.window;
    if window.from >= window.to {
        return if is_writing { version::raise(tx, place).await } else { Ok(()) };
    }
    sqlx::query_file!(
        "src/store/window_record.sql",
        place.source_id.0,
        place.stream.as_str(),
        window.from,
        window.to,
        finding.doubt.is_none(),
        finding.doubt,
        finding.provider_total,
        finding.distinct_count,
        run_id,
        now,
        is_writing,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("recording how far a stream is complete"))?;
    Ok(())
}
