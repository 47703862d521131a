//! Passes over the work list in the journal of runs.
//!
//! Several instances work at once and none holds a lease, so a pass closes only its own run, and those
//! that have been silent for long.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

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

/// Ends a pass.
pub async fn finish(pool: &PgPool, run_id: i64, end: &PassEnd, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (class, detail) = end.error.clone().unzip();
    sqlx::query!(
        "update ingest.runs
            set finished_at = $2, verdict = $3, reason = $4, error_class = $5, error_detail = $6,
                -- no artifact is met twice in a pass
                distinct_count = record_count
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
