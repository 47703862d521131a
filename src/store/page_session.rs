//! Browsers that signed in: opened and closed.
//!
//! Only the hash of a cookie is written, so that the table signs no one in.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::StoreError;

/// Opens a session of a key. Sessions that have ended are deleted on the way.
pub async fn open(
    pool: &PgPool,
    token_hash: &[u8; 32],
    key_id: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with ended as (delete from ingest.page_sessions where expires_at <= $3)
         insert into ingest.page_sessions (token_hash, key_id, created_at, expires_at) values ($1, $2, $3, $4)",
        &token_hash[..],
        key_id,
        now,
        expires_at
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("opening a session of the page"))?;
    Ok(())
}

/// Closes a session. Closing it again changes nothing.
pub async fn close(pool: &PgPool, token_hash: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query!("delete from ingest.page_sessions where token_hash = $1", &token_hash[..])
        .execute(pool)
        .await
        .map_err(StoreError::doing("closing a session of the page"))?;
    Ok(())
}
