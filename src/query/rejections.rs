//! Records that could not be normalized, newest first.
//!
//! The list states the error and how often the record came. The bytes may contain personal data, so they are returned
//! for one record at a time.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::list::{newest, push_any};
use crate::query::{ReadError, reading};

/// A record that could not be normalized.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Rejection {
    /// Number of the record; increases.
    pub reject_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record.
    pub stream: String,
    /// The provider's id of the record; null: unreadable.
    pub provider_record_id: Option<String>,
    /// The session it belongs to, in per-session streams.
    pub provider_session_id: Option<String>,
    /// Reason code, for programs: `missing_field`, `unreadable_time`, `not_an_object`, `unusable_id`,
    /// `refused_by_database`, …
    pub reason_code: String,
    /// JSON pointer into the record (RFC 6901); empty: the whole record.
    pub json_pointer: String,
    /// Description of the reason. Contains no value of the record.
    pub detail: String,
    /// Time at which the record was first received.
    pub first_seen_at: DateTime<Utc>,
    /// Time at which the record was last received, to the hour.
    pub last_seen_at: DateTime<Utc>,
    /// Number of times the record was received, counted at most once an hour.
    pub seen_count: i64,
    /// The run that first received it.
    pub run_id: i64,
    /// Size of the record, bytes.
    pub body_bytes: i64,
    /// Time at which it was resolved; null: it is open.
    pub resolved_at: Option<DateTime<Utc>>,
    /// `came_again`: the record was received again in a readable form; or the result of its replay: `stored`,
    /// `unchanged` or `stale`; null: it is open.
    pub resolution: Option<String>,
}

/// Filter of rejected records. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct RejectionFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these streams.
    pub streams: Vec<String>,
    /// Any of these reason codes.
    pub reason_codes: Vec<String>,
    /// Only resolved or only open records; `None`: both.
    pub is_resolved: Option<bool>,
    /// Only this record.
    pub reject_id: Option<i64>,
    /// Only records with a lower number.
    pub before_reject_id: Option<i64>,
}

/// Returns the newest `limit` records that pass the filter.
pub async fn list(pool: &PgPool, filter: &RejectionFilter, limit: i64) -> Result<Vec<Rejection>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select r.reject_id, src.source_slug as source, src.provider, r.stream, r.provider_record_id,
                r.provider_session_id, r.reason_code, r.json_pointer, r.detail,
                r.first_seen_at::timestamptz as first_seen_at, r.last_seen_at::timestamptz as last_seen_at,
                r.seen_count, r.run_id, octet_length(r.body)::bigint as body_bytes,
                r.resolved_at::timestamptz as resolved_at, r.resolution
           from ingest.rejects r
           join core.sources src using (source_id)
          where true",
    );
    push_any(
        &mut sql,
        [("src.source_slug", &filter.sources), ("r.stream", &filter.streams), ("r.reason_code", &filter.reason_codes)],
    );
    match filter.is_resolved {
        Some(true) => sql.push(" and r.resolved_at is not null"),
        Some(false) => sql.push(" and r.resolved_at is null"),
        None => &mut sql,
    };
    if let Some(reject_id) = filter.reject_id {
        sql.push(" and r.reject_id = ").push_bind(reject_id);
    }
    newest(pool, sql, "r.reject_id", filter.before_reject_id, limit, "the rejected records").await
}

/// Returns the record with that number, with its bytes.
pub async fn find(pool: &PgPool, reject_id: i64) -> Result<Option<(Rejection, Vec<u8>)>, ReadError> {
    let filter = RejectionFilter { reject_id: Some(reject_id), ..RejectionFilter::default() };
    let Some(rejection) = list(pool, &filter, 1).await?.pop() else { return Ok(None) };
    let body: Option<Vec<u8>> = sqlx::query_scalar("select body from ingest.rejects where reject_id = $1")
        .bind(reject_id)
        .fetch_optional(pool)
        .await
        .map_err(reading("a rejected record"))?;
    Ok(body.map(|body| (rejection, body)))
}
