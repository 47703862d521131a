//! Passes over the rings: due ones, active ones, and when each was last finished.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::model::ring::Ring;
use crate::store::hold::Hold;
use crate::store::{Place, StoreError};

/// A pass may begin this much early, since polls do not start to the second.
const EARLY: TimeDelta = TimeDelta::minutes(1);

/// State of a ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Start of the active pass.
    pub pass_started_at: Option<DateTime<Utc>>,
    /// Start of the last finished pass.
    pub as_of: Option<DateTime<Utc>>,
}

impl Standing {
    /// Returns the instant since which the ring is to be read; `None`: it is not due at `now`. An active pass
    /// continues. An instant in the future was written by a fast clock, and is ignored.
    pub fn pass(&self, ring: Ring, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if let Some(since) = self.pass_started_at.filter(|since| *since <= now) {
            return Some(since);
        }
        let period = ring.period().unwrap_or_default();
        let is_read = self.as_of.is_some_and(|at| at <= now && at + period > now + EARLY);
        (!is_read).then_some(now)
    }

    /// Returns since when the ring has been overdue: twice its period after its last pass.
    pub fn overdue_since(&self, ring: Ring, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let since = self.as_of.or(self.pass_started_at)? + ring.period()? * 2;
        (since < now).then_some(since)
    }
}

/// Returns the state of the rings of a stream. A ring that never began is left out.
pub async fn standings(pool: &PgPool, place: Place) -> Result<BTreeMap<Ring, Standing>, StoreError> {
    let rows = sqlx::query!(
        r#"select ring, pass_started_at as "pass_started_at: DateTime<Utc>", as_of as "as_of: DateTime<Utc>"
             from ingest.rings where source_id = $1 and stream = $2"#,
        place.source_id.0,
        place.stream.as_str(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading the state of the rings"))?;
    let standing =
        rows.into_iter().map(|row| (row.ring, Standing { pass_started_at: row.pass_started_at, as_of: row.as_of }));
    Ok(standing.filter_map(|(ring, standing)| Some((Ring::parse(&ring)?, standing))).collect())
}

/// Records that a pass began at `since`.
pub async fn begin(pool: &PgPool, hold: &Hold, ring: Ring, since: DateTime<Utc>) -> Result<(), StoreError> {
    let failed = StoreError::doing("recording the start of a ring");
    let place = hold.place();
    let mut tx = pool.begin().await.map_err(&failed)?;
    hold.guard(&mut tx).await?;
    sqlx::query!(
        "insert into ingest.rings as r (source_id, stream, ring, pass_started_at) values ($1, $2, $3, $4)
         on conflict (source_id, stream, ring) do update set pass_started_at = excluded.pass_started_at
          where r.pass_started_at is distinct from excluded.pass_started_at",
        place.source_id.0,
        place.stream.as_str(),
        ring.as_str(),
        since,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// Records that the pass that began at `since` has read all of its ring.
pub async fn finish(
    pool: &PgPool,
    hold: &Hold,
    rings: &[(Ring, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("recording the end of a ring");
    let place = hold.place();
    let (names, since): (Vec<String>, Vec<DateTime<Utc>>) =
        rings.iter().map(|(ring, since)| (ring.as_str().to_owned(), *since)).unzip();
    let mut tx = pool.begin().await.map_err(&failed)?;
    hold.guard(&mut tx).await?;
    sqlx::query!(
        "insert into ingest.rings (source_id, stream, ring, as_of, finished_at)
         select $1, $2, passes.ring, passes.since, $5 from unnest($3::text[], $4::timestamptz[]) passes(ring, since)
         on conflict (source_id, stream, ring) do update
            set pass_started_at = null, as_of = excluded.as_of, finished_at = excluded.finished_at",
        place.source_id.0,
        place.stream.as_str(),
        &names,
        &since,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-10T{text}Z").parse().unwrap()
    }

    #[test]
    fn a_ring_is_due_by_what_the_database_holds() {
        let never = Standing::default();
        assert_eq!(never.pass(Ring::Weekly, at("12:00:00")), Some(at("12:00:00")));
        let read = Standing { as_of: Some(at("11:00:00")), ..never };
        assert_eq!(read.pass(Ring::Hourly, at("11:58:00")), None);
        assert_eq!(read.pass(Ring::Hourly, at("12:00:00")), Some(at("12:00:00")));
        assert_eq!(read.pass(Ring::Poll, at("11:00:05")), Some(at("11:00:05")));
        let under_way = Standing { pass_started_at: Some(at("11:30:00")), ..read };
        assert_eq!(under_way.pass(Ring::Hourly, at("11:35:00")), Some(at("11:30:00")));
        let ahead = Standing { pass_started_at: Some(at("23:00:00")), as_of: Some(at("22:00:00")) };
        assert_eq!(ahead.pass(Ring::Daily, at("12:00:00")), Some(at("12:00:00")));
    }

    #[test]
    fn a_ring_is_overdue_after_twice_its_period() {
        let read = Standing { as_of: Some(at("09:00:00")), ..Standing::default() };
        assert_eq!(read.overdue_since(Ring::Hourly, at("11:00:00")), None);
        assert_eq!(read.overdue_since(Ring::Hourly, at("11:00:01")), Some(at("11:00:00")));
        assert_eq!(read.overdue_since(Ring::Poll, at("23:00:00")), None);
    }
}
