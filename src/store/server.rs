//! The database server itself: its clock, beside the machine's own, and its planner statistics while a table fills for
//! the first time.
//!
//! Autovacuum analyzes tables, but only after a minute, when a first load may be over. Without statistics the planner
//! does not know that ids are unique, and scans the whole table to look up two hundred of them.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::StoreError;
use crate::store::run::Progress;

/// Numbers of inserted sessions in a run after which new statistics may be worth their cost.
const WORTH_AT: [i64; 3] = [1, 2_000, 50_000];

/// Returns the present by the database's clock.
pub async fn now(pool: &PgPool) -> Result<DateTime<Utc>, StoreError> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#)
        .fetch_one(pool)
        .await
        .map_err(StoreError::doing("reading the database's clock"))
}

/// Whether the page that took a run from `before` to `after` may make new statistics worthwhile.
pub fn are_statistics_due(before: &Progress, after: &Progress) -> bool {
    WORTH_AT.iter().any(|at| before.inserted_count < *at && after.inserted_count >= *at)
}

/// Analyzes the tables if `inserted_count` is at least the number of sessions that the planner assumes, so that the
/// hundreds of runs of a backfill do not each analyze everything. Tables of other owners are skipped.
pub async fn refresh_statistics(pool: &PgPool, inserted_count: i64) -> Result<(), StoreError> {
    let failed = StoreError::doing("refreshing statistics");
    // below 0: there are no statistics; Citus counts no rows of a distributed table, so that the number stays 0
    let is_due = sqlx::query_scalar!(
        r#"select reltuples <= $1::bigint
                  and (reltuples <> 0 or $1 >= 2000 or not exists (select from pg_extension where extname = 'citus'))
                  as "is_due!"
             from pg_class where oid = 'core.sessions'::regclass"#,
        inserted_count,
    );
    if is_due.fetch_one(pool).await.map_err(&failed)? {
        sqlx::query("analyze core.sessions, core.messages").execute(pool).await.map_err(&failed)?;
    }
    Ok(())
}
