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
    /// Whether that source is configured.
    pub is_configured: bool,
}

/// Pages of a list whose sessions may belong to another source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// None: the provider has no other source with sessions.
    Nothing,
    /// The first one of a run.
    FirstPage,
    /// All: the source itself holds few sessions.
    EveryPage,
}

/// Returns which pages may list sessions of another source; `few`: see [`Scope::EveryPage`].
pub async fn scope(pool: &PgPool, source_id: SourceId, few: i64) -> Result<Scope, StoreError> {
    let found = sqlx::query!(
        r#"select exists (select 1 from core.sessions s
                           where s.source_id = any(array(
                                 select other.source_id from core.sources own
                                   join core.sources other on other.provider = own.provider and other.source_id <> $1
                                  where own.source_id = $1))) as "has_others!",
                  (select count(*) from (select 1 from core.sessions s where s.source_id = $1 limit $2) own) < $2
                  as "has_few!""#,
        source_id.0,
        few,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("looking for sources of the same provider"))?;
    Ok(match (found.has_others, found.has_few) {
        (false, _) => Scope::Nothing,
        (true, false) => Scope::FirstPage,
        (true, true) => Scope::EveryPage,
    })
}

/// Returns the other sources of the same provider that hold sessions with these ids and instants of creation, which the
/// source itself does not hold.
pub async fn shared(
    pool: &PgPool,
    source_id: SourceId,
    ids: &[&str],
    created: &[DateTime<Utc>],
) -> Result<Vec<Shared>, StoreError> {
    sqlx::query_as!(
        Shared,
        r#"select other.source_slug as slug, count(*) as "session_count!", other.is_enabled as "is_configured!"
             from core.sources own
             join core.sources other on other.provider = own.provider and other.source_id <> own.source_id
            cross join unnest($2::text[], $3::timestamptz[]) listed(id, created_at)
             join core.sessions s on s.source_id = other.source_id and s.provider_session_id = listed.id
                                 and s.created_at = listed.created_at
            where own.source_id = $1
              -- what the source holds too is no sign: its sessions may be stored twice since an earlier exchange
              and not exists (select from core.sessions mine
                               where mine.source_id = $1 and mine.provider_session_id = listed.id
                                 and mine.created_at = listed.created_at)
            group by other.source_slug, other.is_enabled
            order by count(*) desc, other.source_slug"#,
        source_id.0,
        ids as &[&str],
        created,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("comparing sessions with those of other sources"))
}
