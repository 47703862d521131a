//! Recognition of an account by its data: sessions that are stored under another source of the same provider.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::SourceId;
use crate::store::StoreError;

/// Sessions of another source that are the same as listed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Slug of the other source.
    pub slug: String,
    /// Number of these sessions.
    pub session_count: i64,
}

/// Whether sessions of the source may belong to another one: the provider has other sources with sessions, and this
/// one holds fewer than `few`.
pub async fn may_be_another(pool: &PgPool, source_id: SourceId, few: i64) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from core.sessions s
                           where s.source_id = any(array(
                                 select other.source_id from core.sources own
                                   join core.sources other on other.provider = own.provider and other.source_id <> $1
                                  where own.source_id = $1)))
                  and (select count(*) from (select 1 from core.sessions s where s.source_id = $1 limit $2) own) < $2
                  as "may_be!""#,
        source_id.0,
        few,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("looking for sources of the same provider"))
}

/// Returns the other sources of the same provider that hold sessions with these ids and instants of creation.
pub async fn shared(
    pool: &PgPool,
    source_id: SourceId,
    ids: &[&str],
    created: &[DateTime<Utc>],
) -> Result<Vec<Shared>, StoreError> {
    sqlx::query_as!(
        Shared,
        r#"select other.source_slug as slug, count(*) as "session_count!"
             from core.sources own
             join core.sources other on other.provider = own.provider and other.source_id <> own.source_id
            cross join unnest($2::text[], $3::timestamptz[]) listed(id, created_at)
             join core.sessions s on s.source_id = other.source_id and s.provider_session_id = listed.id
                                 and s.created_at = listed.created_at
            where own.source_id = $1
            group by other.source_slug
            order by count(*) desc, other.source_slug"#,
        source_id.0,
        ids as &[&str],
        created,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("comparing sessions with those of other sources"))
}
