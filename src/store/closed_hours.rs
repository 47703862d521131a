//! Closed hours: the sums of the sessions of an hour, made from rows again after one of these changed.
//!
//! Changes are found by their dates, so that no writer of sessions does anything for it. An hour is made as a whole, so
//! a closed hour cannot drift away from its rows. Removed sessions leave no row to find their hour by: who removes any
//! voids all hours.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool};

use crate::store::StoreError;

/// Makes the hours of all sessions that changed since the last time from rows. Returns their number, or `None` if
/// another instance is doing it.
pub async fn close(pool: &PgPool) -> Result<Option<usize>, StoreError> {
    let failed = StoreError::doing("closing hours");
    let mut connection = pool.acquire().await.map_err(&failed)?;
    // before the snapshot: what is dated later may not be in it
    let complete_through = sqlx::query_scalar!(r#"select analytics.changes_complete_through() as "at: DateTime<Utc>""#)
        .fetch_one(&mut *connection)
        .await
        .map_err(&failed)?;
    let mut tx = connection.begin_with("begin isolation level repeatable read").await.map_err(&failed)?;
    // all hours of many sessions take longer than the limit of the pool
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
    let last = sqlx::query!(
        r#"select complete_through as "complete_through: DateTime<Utc>", touched_since as "touched_since: DateTime<Utc>"
             from ingest.closed_hours_state for update skip locked"#
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    let Some(last) = last else { return Ok(None) };
    let hours = match (last.complete_through, last.touched_since) {
        // Otherwise the clock of the database was set back, and later changes have earlier dates.
        (Some(last), Some(since)) if complete_through.is_some_and(|now| now >= last) => touched(&mut tx, since).await?,
        _ => all(&mut tx).await?,
    };
    make(&mut tx, &hours).await?;
    sqlx::query!(
        "update ingest.closed_hours_state set complete_through = $1::timestamptz, touched_since = $1::timestamptz - interval '1 minute'",
        complete_through,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(Some(hours.of_start.len() + hours.of_completion.len()))
}

/// Voids all hours, in the transaction that removes sessions.
pub(super) async fn void(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.closed_hours_state set complete_through = null, touched_since = null
          where complete_through is not null"
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("voiding closed hours"))?;
    Ok(())
}

/// Hours by the start and by the completion of sessions.
#[derive(Debug)]
struct Hours {
    of_start: Vec<DateTime<Utc>>,
    of_completion: Vec<DateTime<Utc>>,
}

async fn touched(tx: &mut PgConnection, since: DateTime<Utc>) -> Result<Hours, StoreError> {
    sqlx::query_as!(
        Hours,
        r#"select of_start as "of_start!: Vec<DateTime<Utc>>", of_completion as "of_completion!: Vec<DateTime<Utc>>"
             from ingest.touched_hours($1, null)"#,
        since,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("finding the hours of changed sessions"))
}

/// Deletes all closed hours, and returns all hours that have sessions.
async fn all(tx: &mut PgConnection) -> Result<Hours, StoreError> {
    let failed = StoreError::doing("finding all hours");
    sqlx::query!("delete from ingest.closed_hours").execute(&mut *tx).await.map_err(&failed)?;
    sqlx::query_as!(
        Hours,
        r#"select array(select distinct date_trunc('hour', started_at::timestamptz, 'UTC') from core.sessions)
                    as "of_start!: Vec<DateTime<Utc>>",
                  array(select distinct date_trunc('hour', completed_at::timestamptz, 'UTC') from core.sessions
                         where completed_at is not null) as "of_completion!: Vec<DateTime<Utc>>""#
    )
    .fetch_one(tx)
    .await
    .map_err(&failed)
}

async fn make(tx: &mut PgConnection, Hours { of_start, of_completion }: &Hours) -> Result<(), StoreError> {
    let failed = StoreError::doing("adding up hours");
    sqlx::query!(
        "delete from ingest.closed_hours
          where counted_by = 'started_at' and hour = any($1) or counted_by = 'completed_at' and hour = any($2)",
        of_start as &[DateTime<Utc>],
        of_completion as &[DateTime<Utc>],
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "insert into ingest.closed_hours select * from ingest.hours_from_rows($1, $2)",
        of_start as &[DateTime<Utc>],
        of_completion as &[DateTime<Utc>],
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}

/// Returns the number of closed hours that differ from their rows, apart from those of sessions that changed since;
/// `None`: no hour is closed.
pub async fn differing(pool: &PgPool) -> Result<Option<i64>, StoreError> {
    let failed = StoreError::doing("comparing closed hours with sessions");
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
    let differing = sqlx::query_scalar!(
        r#"with touched as (
               select t.of_start, t.of_completion
                 from ingest.closed_hours_state c
                cross join lateral ingest.touched_hours(c.complete_through, null) t
                where c.complete_through is not null
           ), of_rows as (
               select r.*
                 from ingest.hours_from_rows(
                        array(select distinct date_trunc('hour', started_at::timestamptz, 'UTC') from core.sessions),
                        array(select distinct date_trunc('hour', completed_at::timestamptz, 'UTC') from core.sessions
                               where completed_at is not null)) r
           ), different as (
               (select * from of_rows except all select * from ingest.closed_hours)
               union all
               (select * from ingest.closed_hours except all select * from of_rows)
           )
           select (select count(distinct (d.counted_by, d.hour)) from different d
                    where d.hour <> all(case d.counted_by when 'started_at' then t.of_start else t.of_completion end))
                  as "count!"
             from touched t"#
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    Ok(differing)
}
