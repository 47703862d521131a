//! Time ranges that are proven complete, and those known not to be.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::data_version::{self, Changed};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, StreamKey, state_coverage};

/// A proof or denial of completeness of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The time range.
    pub window: Window,
    /// `None`: proven complete; else the reason why it is not.
    pub doubt: Option<String>,
    /// Whether the doubt is that its list is empty where sessions are stored.
    pub is_denied: bool,
    /// The provider's own count.
    pub provider_total: Option<i64>,
    /// Distinct records read.
    pub distinct_count: i64,
}

impl Finding {
    /// Returns the finding for a window that could not be read at all.
    pub fn unread(window: Window, doubt: String) -> Self {
        Self { window, doubt: Some(doubt), is_denied: false, provider_total: None, distinct_count: 0 }
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

/// Returns the instant up to which a stream is proven complete since its history began, with accepted gaps counted
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
    guard: &WriteGuard,
    finding: &Finding,
    run_id: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("marking a window incomplete");
    let mut tx = pool.begin().await.map_err(&failed)?;
    guard.check(&mut tx).await?;
    record(&mut tx, guard.stream_key(), finding, (run_id, now), None).await?;
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
pub(super) async fn take_turn(tx: &mut PgConnection, stream_key: StreamKey) -> Result<(), StoreError> {
    sqlx::query!(
        r#"select 1 as "one!" from ingest.streams where source_id = $1 and stream = $2 for no key update"#,
        stream_key.source_id.0,
        stream_key.stream.as_str(),
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("waiting to record how far a stream is complete"))?;
    Ok(())
}

/// Records a finding, within the transaction of the page that completes it, and notes what the page changed.
/// Proven ranges that overlap or touch are merged, and earlier denials within the range are replaced. Parts of them
/// outside remain gaps. The state of a proven range counts as seen.
pub(super) async fn record(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    finding: &Finding,
    (run_id, now): (i64, DateTime<Utc>),
    changed: Option<&Changed<'_>>,
) -> Result<(), StoreError> {
    let window = finding.window;
    if window.from >= window.to {
        return match changed {
            Some(changed) => data_version::raise(tx, stream_key, changed).await,
            None => Ok(()),
        };
    }
    let (ids, people) = changed.map_or((&[][..], &[][..]), |changed| (&changed.ids, &changed.people));
    sqlx::query_file!(
        "src/store/window_record.sql",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        window.from,
        window.to,
        finding.doubt.is_none(),
        finding.doubt,
        finding.provider_total,
        finding.distinct_count,
        run_id,
        now,
        changed.is_some(),
        ids as &[&str],
        people,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("recording how far a stream is complete"))?;
    Ok(())
}

/// Trims windows that end beyond `limit` to `now`; returns the end of the furthest one. Such a window is due to a wrong
/// clock or a manual change: its stream would never read what lies before its end, and would report zeros for days that
/// have not happened.
pub async fn trim_future(
    pool: &PgPool,
    guard: &WriteGuard,
    limit: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let failed = StoreError::doing("trimming completeness windows that end in the future");
    let stream_key = guard.stream_key();
    let furthest = sqlx::query_scalar!(
        "select max(window_to) from ingest.windows
          where source_id = $1 and stream = $2 and is_complete and window_to > $3",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        limit,
    )
    .fetch_one(pool)
    .await
    .map_err(&failed)?;
    if furthest.is_none() {
        return Ok(None);
    }
    let mut tx = pool.begin().await.map_err(&failed)?;
    guard.check(&mut tx).await?;
    sqlx::query!(
        "delete from ingest.windows where source_id = $1 and stream = $2 and is_complete and window_from >= $3",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "update ingest.windows set window_to = $3
          where source_id = $1 and stream = $2 and is_complete and window_to > $3",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    state_coverage::forget_future(&mut tx, stream_key, now).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(furthest)
}
