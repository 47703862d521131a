//! The end of a unit: released, split or closed, and with the last unit the end of its backfill.
//!
//! Each is one transaction that begins by comparing the claim, so that a worker that lost it changes nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::time::Window;
use crate::store::backfill::stored::Unit;
use crate::store::run::{self, Finish, Progress};
use crate::store::{StoreError, reconciliation};

/// The end of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitEnd {
    /// It is proven, or its comparison is equal now.
    Proven,
    /// It was read to its end, and something is not proven; holds the reason.
    Doubtful(String),
    /// It could not be read; holds the reason.
    Failed(String),
}

/// Result of a run, as it is written into its unit.
#[derive(Debug, Clone)]
pub struct UnitRun<'a> {
    /// The run.
    pub run_id: i64,
    /// How it ended.
    pub finish: &'a Finish,
    /// Records on its pages.
    pub progress: Progress,
}

/// Ends the run of a unit that another worker now holds: only the journal row is written.
pub async fn close_run(pool: &PgPool, run: &UnitRun<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("ending a run"))?;
    run::close(&mut connection, run.run_id, run.finish, now).await
}

/// When a released unit may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Shortest wait.
    pub after: Duration,
    /// Whether the try counts: the unit could not be read, and neither we stopped nor was the provider unavailable.
    pub is_counted: bool,
}

/// Releases a unit.
pub async fn give_back(
    pool: &PgPool,
    unit: &Unit,
    retry: Retry,
    run: Option<&UnitRun<'_>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("releasing a unit");
    let mut tx = pool.begin().await.map_err(&failed)?;
    unit.guard(&mut tx).await?;
    if let Some(run) = run {
        add_up(&mut tx, unit, run, now).await?;
    }
    sqlx::query!(
        "update ingest.backfill_units
            set claim_token = null, claimed_until = null, claim_owner = null,
                not_before = now() + make_interval(secs => $2),
                attempts = attempts - case when $3 then 0 else 1 end
          where unit_id = $1",
        unit.unit_id,
        retry.after.as_secs_f64(),
        retry.is_counted,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// Splits a unit with too many records into open `parts`; records already read are counted with the first.
pub async fn split(
    pool: &PgPool,
    unit: &Unit,
    parts: &[Window],
    run: &UnitRun<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("splitting a unit");
    let mut tx = pool.begin().await.map_err(&failed)?;
    unit.guard(&mut tx).await?;
    add_up(&mut tx, unit, run, now).await?;
    let [first, others @ ..] = parts else { return Ok(()) };
    let from: Vec<DateTime<Utc>> = others.iter().map(|part| part.from).collect();
    let to: Vec<DateTime<Utc>> = others.iter().map(|part| part.to).collect();
    sqlx::query!(
        "insert into ingest.backfill_units (backfill_id, window_from, window_to)
         select u.backfill_id, part.* from ingest.backfill_units u, unnest($2::timestamptz[], $3::timestamptz[]) part
          where u.unit_id = $1",
        unit.unit_id,
        &from,
        &to,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "update ingest.backfill_units
            set window_to = $2, claim_token = null, claimed_until = null, claim_owner = null, attempts = 0,
                started_at = null
          where unit_id = $1",
        unit.unit_id,
        first.to,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// Ends a unit; with the last one its backfill ends. Stores a comparison with it.
pub async fn finish(
    pool: &PgPool,
    unit: &Unit,
    end: &UnitEnd,
    run: Option<&UnitRun<'_>>,
    compared: Option<&reconciliation::Comparison>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("ending a unit");
    let mut tx = pool.begin().await.map_err(&failed)?;
    unit.guard(&mut tx).await?;
    if let Some(run) = run {
        add_up(&mut tx, unit, run, now).await?;
    }
    let (state, doubt) = match end {
        UnitEnd::Proven => ("proven", None),
        UnitEnd::Doubtful(doubt) => ("doubtful", Some(doubt)),
        UnitEnd::Failed(reason) => ("failed", Some(reason)),
    };
    let backfill_id = sqlx::query_scalar!(
        "update ingest.backfill_units
            set state = $2, doubt = $3, finished_at = $4, claim_token = null, claimed_until = null, claim_owner = null
          where unit_id = $1 returning backfill_id",
        unit.unit_id,
        state,
        doubt,
        now,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(&failed)?;
    if let Some(compared) = compared {
        reconciliation::record(&mut tx, unit.stream_key, backfill_id, run.map(|run| run.run_id), compared, now).await?;
    }
    close_if_over(&mut tx, backfill_id, now).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// Locks the backfill's row first: of two workers that end the last two units concurrently, the second sees the
/// first. The lock leaves the key free, which each update of a unit may lock for its foreign key.
async fn close_if_over(tx: &mut PgConnection, backfill_id: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("select state from ingest.backfills where backfill_id = $1 for no key update", backfill_id)
        .fetch_optional(&mut *tx)
        .await?;
    sqlx::query!(
        "update ingest.backfills b
            set state = case when rest.bad = 0 then 'done' else 'failed' end, finished_at = $2,
                reason = case when rest.bad > 0 then rest.bad || ' of ' || rest.whole || ' units are not proven' end
           from (select count(*) filter (where state = 'open') as open, count(*) filter (where state <> 'proven') as bad,
                        count(*) as whole
                   from ingest.backfill_units where backfill_id = $1) rest
          where b.backfill_id = $1 and b.state in ('running', 'paused') and rest.open = 0",
        backfill_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn add_up(tx: &mut PgConnection, unit: &Unit, run: &UnitRun<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    run::close(tx, run.run_id, run.finish, now).await?;
    sqlx::query!(
        "update ingest.backfill_units
            set record_count = record_count + $2, inserted_count = inserted_count + $3,
                updated_count = updated_count + $4, unchanged_count = unchanged_count + $5,
                rejected_count = rejected_count + $6, distinct_count = $7, provider_total = $8, run_id = null
          where unit_id = $1",
        unit.unit_id,
        run.progress.record_count,
        run.progress.inserted_count,
        run.progress.updated_count,
        run.progress.unchanged_count,
        run.progress.rejected_count,
        run.finish.distinct_count,
        run.finish.provider_total,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting the records of a unit"))?;
    Ok(())
}
