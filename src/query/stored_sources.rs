//! The stored sources, configured or not, with their numbers of sessions.

use serde::Serialize;
use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// A source in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredSource {
    /// Its slug.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// The account at the provider: host, account and app, as far as the provider has them.
    pub account_ref: String,
    /// Whether it is configured.
    pub is_configured: bool,
    /// Whether its rows are being deleted.
    pub is_removed: bool,
    /// Number of its sessions.
    pub session_count: i64,
}

/// Returns all stored sources, by slug. `configured` are the slugs of the configuration.
pub async fn list(pool: &PgPool, configured: &[String]) -> Result<Vec<StoredSource>, ReadError> {
    sqlx::query_as!(
        StoredSource,
        r#"select src.source_slug as source, src.provider, src.account_ref,
                  src.source_slug = any($1) as "is_configured!", src.removed_at is not null as "is_removed!",
                  coalesce(stored.session_count, 0) as "session_count!"
             from core.sources src
             left join (select s.source_id, count(*) as session_count from core.sessions s group by s.source_id) stored
               on stored.source_id = src.source_id
            order by src.source_slug"#,
        configured,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the stored sources"))
}
