//! Passes over the artifact queue in the journal of runs.
//!
//! Several instances work at once and none holds a lease, so a pass closes only its own run, and runs that have been
//! silent for long.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::run::{self, Progress, RunOutcome};
use crate::store::{StoreError, StreamKey};

/// A pass without a heartbeat for this long has crashed.
const SILENCE: TimeDelta = TimeDelta::minutes(10);

/// Opens a pass over one stream.
pub async fn start(pool: &PgPool, source_id: SourceId, stream: Stream, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let failed = StoreError::doing("opening a pass");
    let mut connection = pool.acquire().await.map_err(&failed)?;
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
    .execute(&mut *connection)
    .await
    .map_err(&failed)?;
    run::open(&mut connection, StreamKey { source_id, stream }, None, "poll", now).await
}

/// Progress of a pass since it was last written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassProgress {
    /// The pass.
    pub run_id: i64,
    /// Number of tries.
    pub tried_count: i64,
    /// Records stored by them.
    pub progress: Progress,
}

impl PassProgress {
    /// Adds one try.
    pub fn add(&mut self, progress: &Progress) {
        self.tried_count += 1;
        self.progress += *progress;
    }
}

/// Adds the progress of passes, within a transaction of theirs. The heartbeat shows that a pass is alive.
pub(super) async fn advance(
    tx: &mut PgConnection,
    passes: &[PassProgress],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if passes.is_empty() {
        return Ok(());
    }
    let count = |of: fn(&PassProgress) -> i64| passes.iter().map(of).collect::<Vec<i64>>();
    sqlx::query!(
        "update ingest.runs r
            set heartbeat_at = greatest(r.heartbeat_at, $8), page_count = r.page_count + x.tried::int,
                record_count = r.record_count + x.records, inserted_count = r.inserted_count + x.inserted,
                updated_count = r.updated_count + x.updated, unchanged_count = r.unchanged_count + x.unchanged,
                rejected_count = r.rejected_count + x.rejected
           from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
                x(run_id, tried, records, inserted, updated, unchanged, rejected)
          where r.run_id = x.run_id",
        &count(|one| one.run_id),
        &count(|one| one.tried_count),
        &count(|one| one.progress.record_count),
        &count(|one| one.progress.inserted_count),
        &count(|one| one.progress.updated_count),
        &count(|one| one.progress.unchanged_count),
        &count(|one| one.progress.rejected_count),
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting tries"))?;
    Ok(())
}

/// Ends a pass, with its progress not written so far.
pub async fn finish(
    pool: &PgPool,
    progress: &PassProgress,
    outcome: &RunOutcome,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (class, detail) = outcome.error.clone().unzip();
    let PassProgress { run_id, tried_count, progress } = progress;
    sqlx::query!(
        "update ingest.runs
            set finished_at = $2, verdict = $3, reason = $4, error_class = $5, error_detail = $6,
                page_count = page_count + $7::bigint::int, record_count = record_count + $8,
                -- no artifact is met twice in a pass
                distinct_count = record_count + $8, inserted_count = inserted_count + $9,
                updated_count = updated_count + $10, unchanged_count = unchanged_count + $11,
                rejected_count = rejected_count + $12
          where run_id = $1",
        run_id,
        now,
        outcome.verdict.as_str(),
        outcome.reason,
        class,
        detail,
        tried_count,
        progress.record_count,
        progress.inserted_count,
        progress.updated_count,
        progress.unchanged_count,
        progress.rejected_count,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("ending a pass"))?;
    Ok(())
}
