//! Passes over the work list in the journal of runs.
//!
//! Several instances work at once and none holds a lease, so a pass closes only its own run, and those
//! that have been silent for long.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::run::Verdict;

/// A pass without a sign of life for so long has crashed.
const SILENCE: TimeDelta = TimeDelta::minutes(10);

/// How a pass ended.
#[derive(Debug, Clone)]
pub struct PassEnd {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// Class and text of the error behind it.
    pub error: Option<(String, String)>,
}

/// Opens a pass over one stream.
pub async fn start(pool: &PgPool, source_id: SourceId, stream: Stream, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let failed = StoreError::doing("opening a pass");
    sqlx::query!(
        "update ingest.runs
            set finished_at = $3, verdict = 'failed', error_class = 'crashed',
                reason = 'the poller stopped without ending the pass; what it had stored stays'
          where source_id = $1 and stream = $2 and finished_at is null and heartbeat_at < $4",
        source_id.0,
        stream.as_str(),
        now,
        now - SILENCE,
    )
    .execute(pool)
    .await
    .map_err(&failed)?;
    sqlx::query_scalar!(
        "insert into ingest.runs (source_id, stream, started_at, heartbeat_at) values ($1, $2, $3, $3)
         returning run_id",
        source_id.0,
        stream.as_str(),
        now,
    )
    .fetch_one(pool)
    .await
    .map_err(&failed)
}

/// What one saved artifact adds to its pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassProgress {
    /// Records it held.
    pub record_count: i64,
    /// Sessions it was stored for, the first time.
    pub inserted_count: i64,
    /// Sessions for which it had changed.
    pub updated_count: i64,
    /// Sessions for which nothing was new.
    pub unchanged_count: i64,
    /// Records that could not be normalized.
    pub rejected_count: i64,
}

/// Counts one artifact, within its transaction.
pub(super) async fn advance(
    tx: &mut PgConnection,
    run_id: i64,
    progress: &PassProgress,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.runs
            set heartbeat_at = $2, page_count = page_count + 1, record_count = record_count + $3,
                distinct_count = distinct_count + $3, inserted_count = inserted_count + $4,
                updated_count = updated_count + $5, unchanged_count = unchanged_count + $6,
                rejected_count = rejected_count + $7
          where run_id = $1",
        run_id,
        now,
        progress.record_count,
        progress.inserted_count,
        progress.updated_count,
        progress.unchanged_count,
        progress.rejected_count,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting an artifact"))?;
    Ok(())
}

/// Ends a pass.
pub async fn finish(pool: &PgPool, run_id: i64, end: &PassEnd, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (class, detail) = end.error.clone().unzip();
    sqlx::query!(
        "update ingest.runs
            set finished_at = $2, verdict = $3, reason = $4, error_class = $5, error_detail = $6
          where run_id = $1",
        run_id,
        now,
        end.verdict.as_str(),
        end.reason,
        class,
        detail,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("ending a pass"))?;
    Ok(())
}
