//! Claims on units: claiming, renewing, and the run that reads a unit. [`super::end`] ends units.
//!
//! Claims and waits use the database's clock, so that no machine's clock matters.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::time::Window;
use crate::store::backfill::stored::{Backfill, DayFigures, Unit};
use crate::store::{StoreError, run};

/// Duration of a claim without renewal, which is how long a killed process blocks its unit.
pub const CLAIM_DURATION: Duration = Duration::from_secs(30);

/// A claimed unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claimed {
    /// The right to write for it.
    pub unit: Unit,
    /// Its window.
    pub window: Window,
    /// Number of this try, from 1.
    pub attempts: i32,
    /// The provider's daily totals for it.
    pub day: Option<DayFigures>,
    /// Whether it is read even where the counts are equal, so that states are compared.
    pub compares_states: bool,
}

/// Claims the oldest open unit that is not claimed.
pub async fn claim(
    pool: &PgPool,
    backfill: &Backfill,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<Option<Claimed>, StoreError> {
    let row = sqlx::query!(
        r#"with next as (
                select u.unit_id, gen_random_uuid() as token
                  from ingest.backfill_units u
                  join ingest.backfills b on b.backfill_id = u.backfill_id
                 where u.backfill_id = $1 and u.state = 'open' and b.state = 'running' and not exists (select from ingest.controls c
                                    where c.source_id = b.source_id and c.stream = b.stream
                                      and c.paused_at is not null)
                   and coalesce(u.claimed_until, '-infinity') <= now()
                   and coalesce(u.not_before, '-infinity') <= now()
                 order by u.window_from
                 limit 1
                   for update of u skip locked)
           update ingest.backfill_units u
              set claim_token = next.token, claimed_until = now() + make_interval(secs => $2),
                  claim_owner = $3, attempts = u.attempts + 1, started_at = coalesce(u.started_at, $4)
             from next where u.unit_id = next.unit_id
        returning u.unit_id, u.claim_token as "token!", u.window_from, u.window_to, u.attempts, u.run_id,
                  u.day_count, u.day_minutes, u.day_offset_hours, u.compares_states"#,
        backfill.backfill_id,
        CLAIM_DURATION.as_secs_f64(),
        owner,
        now,
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("claiming a unit"))?;
    let Some(row) = row else { return Ok(None) };
    if let Some(run_id) = row.run_id {
        close_abandoned(pool, run_id, now).await?;
    }
    let day = row.day_count.zip(row.day_minutes).map(|(count, minutes)| DayFigures {
        count,
        minutes,
        offset_hours: row.day_offset_hours,
    });
    Ok(Some(Claimed {
        unit: Unit { stream_key: backfill.stream_key, unit_id: row.unit_id, token: row.token },
        window: Window { from: row.window_from, to: row.window_to },
        attempts: row.attempts,
        day,
        compares_states: row.compares_states,
    }))
}

/// Closes a run that never ended because its process is gone.
async fn close_abandoned(pool: &PgPool, run_id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.runs
            set finished_at = $2, verdict = 'failed', error_class = 'crashed',
                reason = 'the process stopped without ending the unit; what it had stored stays'
          where run_id = $1 and finished_at is null",
        run_id,
        now,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("closing an abandoned run"))?;
    Ok(())
}

impl Unit {
    /// Compares the token, and locks the row for the rest of the transaction: the first statement of every write.
    pub(in crate::store) async fn guard(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let held = sqlx::query_scalar!(
            r#"select 1 as "one!" from ingest.backfill_units where unit_id = $1 and claim_token = $2
                  for no key update"#,
            self.unit_id,
            self.token,
        )
        .fetch_optional(tx)
        .await
        .map_err(StoreError::doing("comparing the claim on a unit"))?;
        held.map(|_| ()).ok_or_else(|| self.lost())
    }

    /// Returns the error that another worker now holds the unit.
    pub(in crate::store) fn lost(&self) -> StoreError {
        StoreError::UnitLost { unit_id: self.unit_id }
    }
}

/// Extends a claim. `false`: another worker holds it, or work on it has been stopped.
pub async fn renew(pool: &PgPool, unit: &Unit) -> Result<bool, StoreError> {
    let renewed = sqlx::query!(
        "update ingest.backfill_units u set claimed_until = now() + make_interval(secs => $3)
           from ingest.backfills b
          where u.unit_id = $1 and u.claim_token = $2 and b.backfill_id = u.backfill_id and b.state = 'running'",
        unit.unit_id,
        unit.token,
        CLAIM_DURATION.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("renewing the claim on a unit"))?;
    Ok(renewed.rows_affected() > 0)
}

/// Opens the run that reads a unit.
pub async fn start_run(
    pool: &PgPool,
    unit: &Unit,
    purpose: &'static str,
    window: &Window,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let failed = StoreError::doing("opening a run");
    let mut tx = pool.begin().await.map_err(&failed)?;
    unit.guard(&mut tx).await?;
    let run_id = run::open(&mut tx, unit.stream_key, Some(window), purpose, now).await?;
    sqlx::query!("update ingest.backfill_units set run_id = $2 where unit_id = $1", unit.unit_id, run_id)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(run_id)
}
