//! The source of one object, to decide whether a caller may see it.

use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// Returns the slug of the source of a session; `None`: there is no such session.
pub async fn session(pool: &PgPool, session_id: i64) -> Result<Option<String>, ReadError> {
    let slug = sqlx::query_scalar!(
        "select src.source_slug from core.sessions s join core.sources src using (source_id) where s.session_id = $1",
        session_id
    );
    slug.fetch_optional(pool).await.map_err(reading("the source of a session"))
}

/// Returns the slug of the source of a rejected record.
pub async fn rejection(pool: &PgPool, reject_id: i64) -> Result<Option<String>, ReadError> {
    let slug = sqlx::query_scalar!(
        "select src.source_slug from ingest.rejects r join core.sources src using (source_id) where r.reject_id = $1",
        reject_id
    );
    slug.fetch_optional(pool).await.map_err(reading("the source of a rejected record"))
}

/// Returns the slug of the source of a backfill.
pub async fn backfill(pool: &PgPool, backfill_id: i64) -> Result<Option<String>, ReadError> {
    let slug = sqlx::query_scalar!(
        "select src.source_slug from ingest.backfills b join core.sources src using (source_id)
          where b.backfill_id = $1",
        backfill_id
    );
    slug.fetch_optional(pool).await.map_err(reading("the source of a backfill"))
}
