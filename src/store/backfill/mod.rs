//! Work on past periods: ranges that are split into units and persist across processes.
//!
//! A backfill reads a range again, a reconciliation compares it with the provider's counts; both are planned once, as
//! rows. Proven units stay proven, so that another worker repeats none. [`claim`] manages who works on a unit.

pub mod claim;
pub mod end;
pub mod state;
mod stored;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};

use crate::model::time::Window;
use crate::store::backfill::stored::read;
use crate::store::operation::{self, Operation};
use crate::store::{StoreError, StreamKey};

pub use self::claim::Claimed;
pub use self::end::UnitEnd;
pub use self::stored::{Backfill, BackfillState, DayFigures, Purpose, Unit};

/// A window of a plan, with the provider's own daily totals for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedUnit {
    /// The time range.
    pub window: Window,
    /// The provider's totals for that day, where it has daily totals.
    pub day: Option<DayFigures>,
    /// Whether it is read even where the counts are equal, so that states are compared.
    pub compares_states: bool,
}

/// Work to plan.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Source and stream.
    pub stream_key: StreamKey,
    /// The purpose.
    pub purpose: Purpose,
    /// The whole range.
    pub range: Window,
    /// Its windows, in order.
    pub units: &'a [PlannedUnit],
    /// See [`Backfill::is_unfiltered`].
    pub is_unfiltered: bool,
}

/// Returns the unfinished work on exactly this range, if there is any, and reopens its failed units.
pub async fn reopen(
    pool: &PgPool,
    stream_key: StreamKey,
    purpose: Purpose,
    range: Window,
    now: DateTime<Utc>,
) -> Result<Option<Backfill>, StoreError> {
    let failed = StoreError::doing("looking for an unfinished backfill");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let found = sqlx::query_scalar!(
        "select backfill_id from ingest.backfills
          where source_id = $1 and stream = $2 and purpose = $3 and range_from = $4 and range_to = $5
            and state in ('running', 'paused', 'failed')
            for update",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        purpose.as_str(),
        range.from,
        range.to,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    let Some(backfill_id) = found else { return Ok(None) };
    if !state::revive(&mut tx, backfill_id, &["failed"], now).await? {
        state::take_up(&mut tx, backfill_id, now).await?;
    }
    let found = read(&mut tx, backfill_id).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(found)
}

/// Stores a plan. Where another process stored the same one meanwhile, that one is used.
pub async fn create(pool: &PgPool, plan: &Plan<'_>, operation: &Operation<'_>) -> Result<Backfill, StoreError> {
    let failed = StoreError::doing("planning a backfill");
    let now = operation.now;
    let mut tx = pool.begin().await.map_err(&failed)?;
    if plan.purpose == Purpose::Reconcile {
        abandon(&mut tx, plan.stream_key, now).await?;
    }
    let created = sqlx::query_scalar!(
        "insert into ingest.backfills (source_id, stream, purpose, range_from, range_to, state, is_unfiltered,
                                       created_at, resumed_at, requested_by)
         values ($1, $2, $3, $4, $5, 'running', $6, $7, $7, $8)
         on conflict do nothing returning backfill_id",
        plan.stream_key.source_id.0,
        plan.stream_key.stream.as_str(),
        plan.purpose.as_str(),
        plan.range.from,
        plan.range.to,
        plan.is_unfiltered,
        now,
        operation.operator.requested_by,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    let Some(backfill_id) = created else {
        tx.rollback().await.map_err(&failed)?;
        let other = reopen(pool, plan.stream_key, plan.purpose, plan.range, now).await?;
        return other.ok_or_else(|| failed(sqlx::Error::RowNotFound));
    };
    insert_units(&mut tx, backfill_id, plan.units).await?;
    operation::record(&mut tx, operation).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Backfill {
        backfill_id,
        stream_key: plan.stream_key,
        purpose: plan.purpose,
        range: plan.range,
        state: BackfillState::Running,
        is_unfiltered: plan.is_unfiltered,
    })
}

async fn insert_units(tx: &mut PgConnection, backfill_id: i64, units: &[PlannedUnit]) -> Result<(), StoreError> {
    let from: Vec<DateTime<Utc>> = units.iter().map(|unit| unit.window.from).collect();
    let to: Vec<DateTime<Utc>> = units.iter().map(|unit| unit.window.to).collect();
    let counts: Vec<Option<i64>> = units.iter().map(|unit| unit.day.map(|day| day.count)).collect();
    let minutes: Vec<Option<Decimal>> = units.iter().map(|unit| unit.day.map(|day| day.minutes)).collect();
    let offsets: Vec<Option<i32>> = units.iter().map(|unit| unit.day.and_then(|day| day.offset_hours)).collect();
    let states: Vec<bool> = units.iter().map(|unit| unit.compares_states).collect();
    sqlx::query!(
        "insert into ingest.backfill_units (backfill_id, window_from, window_to, day_count, day_minutes,
                                            day_offset_hours, compares_states)
         select $1, u.* from unnest($2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::numeric[], $6::int[],
                                    $7::boolean[]) u",
        backfill_id,
        &from,
        &to,
        &counts as &[Option<i64>],
        &minutes as &[Option<Decimal>],
        &offsets as &[Option<i32>],
        &states,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("planning a backfill"))?;
    Ok(())
}

/// Closes earlier reconciliations without workers once a new one begins.
async fn abandon(tx: &mut PgConnection, stream_key: StreamKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.backfills b
            set state = 'cancelled', finished_at = $3, reason = 'a newer reconciliation took its place'
          where source_id = $1 and stream = $2 and purpose = 'reconcile' and state in ('running', 'failed')
            and not exists (select from ingest.backfill_units u
                             where u.backfill_id = b.backfill_id and u.claimed_until > now())",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("closing an abandoned reconciliation"))?;
    Ok(())
}
