//! The planner's statistics while a table fills for the first time.
//!
//! The server analyzes tables by itself, but only after a minute, and a first load is over by then.
//! Until it knows that ids are unique it reads the whole table to look two hundred of them up.

use sqlx::PgPool;

use crate::store::StoreError;
use crate::store::run::Progress;

/// Sessions inserted by a run, after each of which statistics may be worth their price.
const WORTH_AT: [i64; 3] = [1, 2_000, 50_000];

/// Whether the page that brought a run from `before` to `after` may make fresh statistics worthwhile.
pub fn are_due(before: &Progress, after: &Progress) -> bool {
    WORTH_AT.iter().any(|at| before.inserted_count < *at && after.inserted_count >= *at)
}

/// Looks at the tables anew where `inserted_count` sessions are as many as the planner knows of, so that the hundreds of
/// runs of a backfill do not each look through all that is there. A table of another owner is left as it is.
pub async fn refresh(pool: &PgPool, inserted_count: i64) -> Result<(), StoreError> {
    let failed = StoreError::doing("refreshing statistics");
    // below 0: it knows of none
    let is_due = sqlx::query_scalar!(
        r#"select reltuples <= $1::bigint as "is_due!" from pg_class where oid = 'core.sessions'::regclass"#,
        inserted_count,
    );
    if is_due.fetch_one(pool).await.map_err(&failed)? {
        sqlx::query("analyze core.sessions, core.messages").execute(pool).await.map_err(&failed)?;
    }
    Ok(())
}
