//! The open set: stored sessions that can still change.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::{ProviderRecordId, SourceId};
use crate::store::StoreError;

/// Which sessions count as open. Each of the two ways to be open has an index of its own, so the
/// statements ask for them apart.
#[derive(Debug, Clone, Copy)]
pub struct OpenRange {
    /// Created before this: newer ones are listed anyway.
    pub created_before: DateTime<Utc>,
    /// Created at or after this: older ones are taken as they are.
    pub created_from: DateTime<Utc>,
    /// Sessions that ended at or after this may still change.
    pub unsettled_since: DateTime<Utc>,
}

/// Open sessions, newest first, at most `limit`.
pub async fn ids(
    pool: &PgPool,
    source_id: SourceId,
    range: &OpenRange,
    limit: i64,
) -> Result<Vec<ProviderRecordId>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"select provider_session_id as "provider_session_id!" from (
               select provider_session_id, created_at from core.sessions
                where source_id = $1 and created_at >= $2 and created_at < $3 and not is_deleted_at_provider
                  and session_state in ('live', 'open', 'unknown')
               union all
               select provider_session_id, created_at from core.sessions
                where source_id = $1 and created_at >= $2 and created_at < $3 and not is_deleted_at_provider
                  and session_state not in ('live', 'open', 'unknown') and ended_at >= $4) open_set
            order by created_at desc
            limit $5"#,
        source_id.0,
        range.created_from,
        range.created_before,
        range.unsettled_since,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading the open set"))?;
    Ok(rows.iter().filter_map(|id| ProviderRecordId::parse(id).ok()).collect())
}

/// When the oldest open session was created.
pub async fn oldest(
    pool: &PgPool,
    source_id: SourceId,
    range: &OpenRange,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar!(
        r#"select least(
               (select min(created_at) from core.sessions
                 where source_id = $1 and created_at >= $2 and created_at < $3 and not is_deleted_at_provider
                   and session_state in ('live', 'open', 'unknown')),
               (select min(created_at) from core.sessions
                 where source_id = $1 and created_at >= $2 and created_at < $3 and not is_deleted_at_provider
                   and session_state not in ('live', 'open', 'unknown') and ended_at >= $4))::timestamptz as "oldest""#,
        source_id.0,
        range.created_from,
        range.created_before,
        range.unsettled_since,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading the oldest open session"))
}
