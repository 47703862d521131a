//! The open set: stored sessions that can still change.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::{ProviderRecordId, SourceId};
use crate::store::StoreError;

/// Definition of open sessions. Each of the two ways to be open has an index of its own, so the statement queries
/// them separately.
#[derive(Debug, Clone, Copy)]
pub struct OpenRange {
    /// Only sessions created before this: newer ones are listed anyway.
    pub created_before: DateTime<Utc>,
    /// Only sessions created at or after this: older ones are no longer refreshed.
    pub created_from: DateTime<Utc>,
    /// Sessions that ended at or after this may still change.
    pub unsettled_since: DateTime<Utc>,
}

/// Name of the fact that stores the last refreshed session of a run that could not refresh all of them.
pub const FACT_POSITION: &str = "open_set_position";

/// Returns open sessions, at most `limit`: those below the one refreshed last, newest first, then the others. So all
/// of them get their turn, however many there are.
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
            order by coalesce((created_at, provider_session_id)
                              < (select s.created_at, s.provider_session_id
                                   from ingest.source_facts f
                                   join core.sessions s on s.source_id = f.source_id and s.provider_session_id = f.value
                                  where f.source_id = $1 and f.name = $6), true) desc,
                     created_at desc, provider_session_id desc
            limit $5"#,
        source_id.0,
        range.created_from,
        range.created_before,
        range.unsettled_since,
        limit,
        FACT_POSITION,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading the open set"))?;
    Ok(rows.iter().filter_map(|id| ProviderRecordId::parse(id).ok()).collect())
}
