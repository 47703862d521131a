//! Provenance of a session's values: the record, the mapping rules, and the changes since it was first stored.
//!
//! Changes are found by the provider's id, which stays the same if a session gets another number. The answer has no
//! texts and no personal data: the record is represented by its hash.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::{ReadError, reading};

/// Provenance of a session's values.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Provenance {
    /// Number of the session.
    pub session_id: i64,
    /// Slug of the source.
    pub source: String,
    /// The provider's id, unchanged.
    pub provider_session_id: String,
    /// SHA-256, first 16 bytes, in hex, of the record that its values come from.
    pub content_hash: String,
    /// Time at which that record was first fetched; null: its bytes are no longer stored.
    pub content_first_fetched_at: Option<DateTime<Utc>>,
    /// The run that first fetched it; null: as above.
    pub content_run_id: Option<i64>,
    /// Time at which the stored version was requested; null: stored before this was recorded.
    pub fetched_at: Option<DateTime<Utc>>,
    /// The provider's own time of the last change; null: it gives none.
    pub provider_updated_at: Option<DateTime<Utc>>,
    /// Version of the mapping rules; null: stored before this was recorded.
    pub mapping_version: Option<i16>,
    /// Time at which the session was first stored.
    pub first_seen_at: DateTime<Utc>,
    /// Time at which it last changed in this database.
    pub last_changed_at: DateTime<Utc>,
    /// True once the provider no longer has it; metrics leave it out.
    pub is_deleted_at_provider: bool,
    /// Time at which the provider was first found not to have it; null: it has it, as far as is known.
    pub first_missed_at: Option<DateTime<Utc>>,
    /// Number of runs that did not find it since.
    pub missed_count: i32,
}

/// One field that changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// Time at which the change was stored.
    pub changed_at: DateTime<Utc>,
    /// The field.
    pub field: String,
    /// Old value as text; null: not known before.
    pub old: Option<String>,
    /// New value as text; null: no longer known.
    pub new: Option<String>,
    /// Time at which the provider changed it; null: not given.
    pub provider_time: Option<DateTime<Utc>>,
    /// The run that fetched it.
    pub run_id: i64,
    /// Sort key.
    #[serde(skip)]
    pub change_id: i64,
}

/// Returns the provenance of a session; `None`: it is no longer stored.
pub async fn find(pool: &PgPool, of: &Parts) -> Result<Option<Provenance>, ReadError> {
    sqlx::query_as!(
        Provenance,
        r#"
        select s.session_id as "session_id!", src.source_slug as "source!", s.provider_session_id as "provider_session_id!",
               encode(s.raw_hash, 'hex') as "content_hash!",
               raw.fetched_at::timestamptz as content_first_fetched_at, raw.run_id as "content_run_id?",
               s.fetched_at::timestamptz as fetched_at, s.provider_updated_at::timestamptz as provider_updated_at,
               s.mapping_version, s.first_seen_at::timestamptz as "first_seen_at!",
               s.last_changed_at::timestamptz as "last_changed_at!", s.is_deleted_at_provider as "is_deleted_at_provider!",
               gone.first_missed_at::timestamptz as first_missed_at, coalesce(gone.missed_count, 0) as "missed_count!"
          from core.sessions s
          join core.sources src using (source_id)
          left join ingest.raw_records raw
            on raw.source_id = s.source_id and raw.stream = 'sessions'
           and raw.provider_record_id = s.provider_session_id and raw.content_hash = s.raw_hash
          left join ingest.absences gone
            on gone.source_id = s.source_id and gone.provider_session_id = s.provider_session_id
         where s.source_id = $1 and s.session_id = $2
        "#,
        of.source_id,
        of.session_id
    )
    .fetch_optional(pool)
    .await
    .map_err(reading("the provenance of a session"))
}

/// Returns up to `limit` changes of a session, newest first, with a lower number than `below`.
pub async fn changes(
    pool: &PgPool,
    of: &Parts,
    provider_session_id: &str,
    below: Option<i64>,
    limit: i64,
) -> Result<Vec<Change>, ReadError> {
    sqlx::query_as!(
        Change,
        r#"
        select c.changed_at::timestamptz as "changed_at!", c.field as "field!", c.old_value as old, c.new_value as new,
               c.provider_time::timestamptz as provider_time, c.run_id as "run_id!", c.change_id as "change_id!"
          from ingest.session_changes c
         where c.source_id = $1 and c.provider_session_id = $2 and c.change_id < $3
         order by c.change_id desc
         limit $4
        "#,
        of.source_id,
        provider_session_id,
        below.unwrap_or(i64::MAX),
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the changes of a session"))
}
