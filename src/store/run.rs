//! The journal of polls, and the facts about a stream from which health is computed.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::clock::ClockSkews;
use crate::db;
use crate::failpoint;
use crate::model::time::Window;
pub use crate::model::verdict::{RunOutcome, Verdict};
use crate::store::artifact::owed;
use crate::store::lease::Lease;
pub(super) use crate::store::progress::note;
pub use crate::store::progress::{Pace, Progress, Tally};
use crate::store::{StoreError, StreamKey};

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The counts of the run.
    pub tally: Tally,
    /// How it ended.
    pub outcome: RunOutcome,
    /// The provider's own count, over all windows that stated one.
    pub provider_total: Option<i64>,
    /// Distinct records read, over all windows.
    pub distinct_count: i64,
    /// The clocks, as a poll saw them.
    pub clocks: ClockSkews,
}

/// Opens a run. Closes an earlier run of the same stream that never ended, because it crashed.
pub async fn start(pool: &PgPool, lease: &Lease, window: &Window, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let failed = StoreError::doing("opening a run");
    let mut tx = pool.begin().await.map_err(&failed)?;
    lease.guard(&mut tx).await?;
    let crashed = sqlx::query!(
        "update ingest.runs
            set finished_at = $3, verdict = 'failed', error_class = 'crashed',
                reason = 'the poller stopped without ending the run; what it had stored stays'
          where source_id = $1 and stream = $2 and finished_at is null and purpose = 'poll'",
        lease.source_id.0,
        lease.stream.as_str(),
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    if crashed.rows_affected() > 0 {
        sqlx::query!(
            "update ingest.streams
                set last_verdict = 'failed', consecutive_failures = consecutive_failures + 1,
                    last_error_class = 'crashed', last_error_at = $3,
                    last_error_detail = 'the poller stopped without ending its run'
              where source_id = $1 and stream = $2",
            lease.source_id.0,
            lease.stream.as_str(),
            now,
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    }
    let run_id = open(&mut tx, lease.stream_key(), Some(window), "poll", now).await?;
    // the requested run has begun
    sqlx::query!(
        "update ingest.controls set due_at = null where source_id = $1 and stream = $2 and due_at is not null",
        lease.source_id.0,
        lease.stream.as_str(),
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "update ingest.streams set run_id = $3, last_attempt_at = $4 where source_id = $1 and stream = $2",
        lease.source_id.0,
        lease.stream.as_str(),
        run_id,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(run_id)
}

/// Writes a new run into the journal, and returns its number.
pub(super) async fn open(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    window: Option<&Window>,
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        "insert into ingest.runs (source_id, stream, started_at, heartbeat_at, window_from, window_to, purpose)
         values ($1, $2, $3, $3, $4, $5, $6) returning run_id",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        now,
        window.map(|window| window.from) as Option<DateTime<Utc>>,
        window.map(|window| window.to) as Option<DateTime<Utc>>,
        purpose,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("opening a run"))
}

/// Ends a run and releases the lease. Where the lease is lost, only the journal is written: the stream's facts belong
/// to its new holder. Returns the failures since the last complete run, where the lease is held.
pub async fn finish(
    pool: &PgPool,
    lease: &Lease,
    run_id: i64,
    finish: &Finish,
    now: DateTime<Utc>,
) -> Result<Option<i32>, StoreError> {
    let failed = StoreError::doing("ending a run");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let is_held = match lease.guard(&mut tx).await {
        Ok(()) => true,
        Err(StoreError::LeaseLost { .. }) => false,
        Err(error) => return Err(error),
    };
    close(&mut tx, run_id, finish, now).await?;
    failpoint::reach("run.before_release");
    if is_held && is_recovery(&mut tx, lease, finish.outcome.verdict).await.map_err(&failed)? {
        owed::retry_refused(&mut tx, lease.source_id, now).await?;
    }
    let failures = if is_held { Some(release(&mut tx, lease, finish, now).await.map_err(&failed)?) } else { None };
    db::notify_of_change(&mut tx).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(failures)
}

/// Returns whether the provider refused earlier runs of the stream and accepts this one, before its end is written.
async fn is_recovery(tx: &mut PgConnection, lease: &Lease, verdict: Verdict) -> Result<bool, sqlx::Error> {
    if matches!(verdict, Verdict::Failed | Verdict::Cancelled) {
        return Ok(false);
    }
    // a failure of another kind may have come between
    sqlx::query_scalar!(
        r#"select consecutive_failures > 0 and ($3 or coalesce(last_error_class, '') in ('auth_failed', 'config_error')) as "is!"
             from ingest.streams where source_id = $1 and stream = $2"#,
        lease.source_id.0,
        lease.stream.as_str(),
        verdict == Verdict::Complete,
    )
    .fetch_one(tx)
    .await
}

/// Writes a run's end, with its counts.
pub(super) async fn close(
    tx: &mut PgConnection,
    run_id: i64,
    finish: &Finish,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("ending a run");
    let (class, detail) = finish.outcome.error.clone().unzip();
    let Tally { page_count, progress } = finish.tally;
    // a statement of its own: Citus changes no table of the coordinator by one that is on each node
    let complete_through = sqlx::query_scalar!(
        "select f.complete_through
           from ingest.runs r
           join analytics.stream_freshness f on f.source_id = r.source_id and f.stream = r.stream
          where r.run_id = $1",
        run_id,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?
    .flatten();
    sqlx::query!(
        "update ingest.runs r
            set finished_at = $2, heartbeat_at = $2, verdict = $3, reason = $4, error_class = $5, error_detail = $6,
                provider_total = $7, distinct_count = $8, page_count = $9, record_count = $10, inserted_count = $11,
                updated_count = $12, unchanged_count = $13, rejected_count = $14,
                complete_through = $15
          where run_id = $1",
        run_id,
        now,
        finish.outcome.verdict.as_str(),
        finish.outcome.reason,
        class,
        detail,
        finish.provider_total,
        finish.distinct_count,
        i32::try_from(page_count).unwrap_or(i32::MAX),
        progress.record_count,
        progress.inserted_count,
        progress.updated_count,
        progress.unchanged_count,
        progress.rejected_count,
        complete_through,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}

async fn release(
    tx: &mut PgConnection,
    lease: &Lease,
    finish: &Finish,
    now: DateTime<Utc>,
) -> Result<i32, sqlx::Error> {
    let is_success = finish.outcome.verdict == Verdict::Complete;
    let is_failure = matches!(finish.outcome.verdict, Verdict::Failed | Verdict::Incomplete);
    let (class, detail) = finish.outcome.error.clone().unzip();
    sqlx::query_scalar!(
        "update ingest.streams
            set lease_token = null, lease_owner = null, lease_until = null, run_id = null,
                last_verdict = $3,
                last_success_at = case when $4 then $6 else last_success_at end,
                consecutive_failures = case when $4 then 0 when $5 then consecutive_failures + 1
                                            else consecutive_failures end,
                parked_until = $7,
                last_error_class = case when $4 then null else coalesce($8, last_error_class) end,
                last_error_detail = case when $4 then null else coalesce($9, $10, last_error_detail) end,
                last_error_at = case when $4 then null when $8::text is not null then $6 else last_error_at end,
                poller_skew_seconds = $11,
                provider_skew_seconds = case when $12 then $13 else provider_skew_seconds end
          where source_id = $1 and stream = $2
      returning consecutive_failures",
        lease.source_id.0,
        lease.stream.as_str(),
        finish.outcome.verdict.as_str(),
        is_success,
        is_failure,
        now,
        finish.outcome.parked_until,
        class,
        detail,
        finish.outcome.reason,
        finish.clocks.poller,
        finish.clocks.provider.is_some(),
        finish.clocks.provider.flatten(),
    )
    .fetch_one(tx)
    .await
}

/// Returns whether a stream that is proven up to `through` became stale since the run before `run_id` ended.
pub async fn has_become_stale(
    pool: &PgPool,
    run_id: i64,
    through: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select coalesce($2::timestamptz + make_interval(secs => s.stale_after_seconds) < $3::timestamptz
                           and $2 + make_interval(secs => s.stale_after_seconds) >= before.finished_at, false) as "is!"
             from ingest.runs r
             join core.sources s using (source_id)
             left join lateral (select b.finished_at from ingest.runs b
                                 where b.source_id = r.source_id and b.stream = r.stream and b.run_id < r.run_id
                                   and b.purpose = 'poll'
                                 order by b.run_id desc limit 1) before on true
            where r.run_id = $1"#,
        run_id,
        through,
        now,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading whether a stream became stale"))
}

/// Returns the instant before which a stream must not be polled, if it is in the future.
pub async fn parked_until(
    pool: &PgPool,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let parked = sqlx::query_scalar!(
        "select parked_until from ingest.streams where source_id = $1 and stream = $2",
        lease.source_id.0,
        lease.stream.as_str(),
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading how long a stream is parked"))?;
    Ok(parked.filter(|until| *until > now))
}
