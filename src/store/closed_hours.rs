//! Closed hours: the sums of the sessions of an hour, made from rows again after one of these changed.
//!
//! Changes are found by their dates, so that no writer of sessions does anything for it. An hour is made as a whole, so
//! a closed hour cannot drift away from its rows. Removed sessions leave no row to find their hour by: who removes any
//! voids all hours.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection, PgConnection, PgPool};

use crate::store::StoreError;

const HOUR: TimeDelta = TimeDelta::hours(1);

/// Makes the hours of all sessions that changed since the last time from rows. Returns the number of ranges made, or
/// `None` if another instance is doing it.
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
    // Each range is planned for its own length.
    sqlx::query("set local plan_cache_mode = force_custom_plan").execute(&mut *tx).await.map_err(&failed)?;
    let ranges = match (last.complete_through, last.touched_since) {
        // Otherwise the clock of the database was set back, and later changes have earlier dates.
        (Some(last), Some(since)) if complete_through.is_some_and(|now| now >= last) => touched(&mut tx, since).await?,
        _ => vec![whole()],
    };
    for range in &ranges {
        make(&mut tx, *range).await?;
    }
    sqlx::query!(
        "update ingest.closed_hours_state set complete_through = $1::timestamptz, touched_since = $1::timestamptz - interval '1 minute'",
        complete_through,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(Some(ranges.len()))
}

/// Voids all hours, in the transaction that removes sessions. The update has no condition: where hours are being closed
/// for the first time, it must wait for them as well.
pub(super) async fn void(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("update ingest.closed_hours_state set complete_through = null, touched_since = null")
        .execute(tx)
        .await
        .map_err(StoreError::doing("voiding closed hours"))?;
    Ok(())
}

/// A half-open range of whole hours.
type Range = (DateTime<Utc>, DateTime<Utc>);

/// Returns the range of all instants that the database takes.
fn whole() -> Range {
    (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::days(365 * 200))
}

/// Returns the hours in which sessions that changed are, and those in which they once were, in ranges without gaps.
async fn touched(tx: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<Range>, StoreError> {
    let touched = sqlx::query!(
        r#"select of_start || of_completion as "hours!: Vec<DateTime<Utc>>" from ingest.touched_hours($1, null)"#,
        since,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("finding the hours of changed sessions"))?;
    let mut ranges: Vec<Range> = Vec::new();
    for hour in touched.hours.into_iter().collect::<BTreeSet<_>>() {
        match ranges.last_mut().filter(|(_, to)| *to == hour) {
            Some((_, to)) => *to = hour + HOUR,
            None => ranges.push((hour, hour + HOUR)),
        }
    }
    Ok(ranges)
}

async fn make(tx: &mut PgConnection, (from, to): Range) -> Result<(), StoreError> {
    let failed = StoreError::doing("adding up hours");
    sqlx::query!(
        "delete from ingest.closed_hours
          where counted_by in ('started_at', 'completed_at') and hour >= $1 and hour < $2",
        from,
        to
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!("insert into ingest.closed_hours select * from ingest.hours_from_rows($1, $2)", from, to)
        .execute(tx)
        .await
        .map_err(&failed)?;
    Ok(())
}

/// Returns the number of closed hours that differ from their rows, apart from those of sessions that changed since;
/// `None`: no hour is closed.
pub async fn differing(pool: &PgPool) -> Result<Option<i64>, StoreError> {
    let failed = StoreError::doing("comparing closed hours with sessions");
    let (from, to) = whole();
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
    let differing = sqlx::query_scalar!(
        r#"with touched as (
               select t.of_start, t.of_completion
                 from ingest.closed_hours_state c
                cross join lateral ingest.touched_hours(c.complete_through, null) t
                where c.complete_through is not null
           ), of_rows as (
               select r.* from ingest.hours_from_rows($1, $2) r
           ), different as (
               (select * from of_rows except all select * from ingest.closed_hours)
               union all
               (select * from ingest.closed_hours except all select * from of_rows)
           )
           select (select count(distinct (d.counted_by, d.hour)) from different d
                    where d.hour <> all(case d.counted_by when 'started_at' then t.of_start else t.of_completion end))
                  as "count!"
             from touched t"#,
        from,
        to,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    Ok(differing)
}
