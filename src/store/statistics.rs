//! The planner's statistics while a table fills for the first time.
//!
//! The server analyzes tables by itself, but only after a minute, and a first load is over by then.
//! Until it knows that ids are unique it reads the whole table to look two hundred of them up.

use sqlx::PgPool;

use crate::store::StoreError;
use crate::store::run::Progress;

/// Sessions inserted by a run, after each of which statistics are worth their price.
const WORTH_AT: [i64; 3] = [1, 2_000, 50_000];

/// Whether the page that brought a run from `before` to `after` makes fresh statistics worthwhile.
pub fn are_due(before: &Progress, after: &Progress) -> bool {
    WORTH_AT.iter().any(|at| before.inserted_count < *at && after.inserted_count >= *at)
}

/// Looks at the tables anew. Harmless at any time; a table of another owner is left as it is.
pub async fn refresh(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::query("analyze core.sessions, core.messages")
        .execute(pool)
        .await
        .map_err(StoreError::doing("refreshing statistics"))?;
    Ok(())
}
