//! Which ranges of time are proven complete, and which are known not to be.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::hold::Hold;
use crate::store::{Place, StoreError, version};

/// What is claimed, or denied, about a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The range of time.
    pub window: Window,
    /// `None`: proven complete. Else why it is not.
    pub doubt: Option<String>,
    /// The provider's own count.
    pub provider_total: Option<i64>,
    /// Distinct records read.
    pub distinct_count: i64,
}

impl Finding {
    /// A window that could not be read at all.
    pub fn unread(window: Window, doubt: String) -> Self {
        Self { window, doubt: Some(doubt), provider_total: None, distinct_count: 0 }
    }
}

/// The ranges that are proven complete, oldest first; they neither overlap nor touch.
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
    .map_err(StoreError::doing("reading what is proven complete"))?;
    Ok(rows.into_iter().map(|row| Window { from: row.window_from, to: row.window_to }).collect())
}

/// The instant up to which a stream is proven complete since its history began, accepted holes bridged.
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

/// Writes a denial on its own; a proof travels with the last page of its window.
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

/// The ranges that are known not to be complete, with when they were last walked.
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
    .map_err(StoreError::doing("reading what is not proven complete"))?;
    Ok(rows.into_iter().map(|row| (Window { from: row.window_from, to: row.window_to }, row.checked_at)).collect())
}

/// Lets one transaction at a time write what is proven of a stream: two that prove neighbours at once would not see
/// each other, and leave what should be one range as two. Taken before any session is touched, as the lease is.
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

/// Records a finding, within the transaction of the page that completes it; with `is_writing` the stream's data have
/// another version from now on. One statement: proven ranges that overlap or touch become one, and what was denied in the
/// range is judged by this finding. What of it lies outside is a gap still, and judged by its own walk. A proven range has
/// its state seen.
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
