//! The key behind a browser that signed in.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// Returns the id of the key of a session; `None`: there is no such session, or it has ended.
pub async fn key_id(pool: &PgPool, token_hash: &[u8; 32], now: DateTime<Utc>) -> Result<Option<String>, ReadError> {
    let key_id = sqlx::query_scalar!(
        "select key_id from ingest.page_sessions where token_hash = $1 and expires_at > $2",
        &token_hash[..],
        now
    );
    key_id.fetch_optional(pool).await.map_err(reading("a session of the page"))
}
