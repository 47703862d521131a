//! The database's clock: a second witness beside the machine's own.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::StoreError;

/// The present by the database's clock.
pub async fn now(pool: &PgPool) -> Result<DateTime<Utc>, StoreError> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#)
        .fetch_one(pool)
        .await
        .map_err(StoreError::doing("reading the database's clock"))
}
