//! Erasures of people, newest first, with the proof of each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::ReadError;
use crate::query::list::newest;

/// An erasure of a person. It names no person.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Erasure {
    /// Number of the erasure.
    pub erasure_id: i64,
    /// Slug of the source.
    pub source: String,
    /// `running` or `done`.
    pub state: String,
    /// `keep`: sessions of the person stay as counted; `delete`: they are deleted.
    pub sessions: String,
    /// Requester: address of the caller, or user and host of the command line.
    pub requested_by: String,
    /// Time of the request.
    pub requested_at: DateTime<Utc>,
    /// Time at which it ended; null: it runs.
    pub finished_at: Option<DateTime<Utc>>,
    /// Rows by table from which something was erased.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub erased_rows: Json<BTreeMap<String, i64>>,
    /// Rows by table in which an identifier of the person was found at the end. Empty: it is nowhere. Null: it runs.
    #[schema(value_type = Option<BTreeMap<String, i64>>)]
    pub found_by_identifier: Option<Json<BTreeMap<String, i64>>>,
    /// Rows by table in which a name of the person was found at the end: others of that name, or texts of others.
    #[schema(value_type = Option<BTreeMap<String, i64>>)]
    pub found_by_name: Option<Json<BTreeMap<String, i64>>>,
}

const SELECT: &str = "select e.erasure_id, s.source_slug as source,
        case when e.finished_at is null then 'running' else 'done' end as state,
        case when e.deletes_sessions then 'delete' else 'keep' end as sessions, e.requested_by,
        e.requested_at::timestamptz as requested_at, e.finished_at::timestamptz as finished_at, e.erased_rows,
        e.found_by_identifier, e.found_by_name
   from ingest.erasures e join core.sources s using (source_id)
  where true";

/// Returns the newest `limit` erasures with a lower number than `before`.
pub async fn list(pool: &PgPool, before: Option<i64>, limit: i64) -> Result<Vec<Erasure>, ReadError> {
    let sql = QueryBuilder::<Postgres>::new(SELECT);
    newest(pool, sql, "e.erasure_id", before, limit, "erasures").await
}

/// Returns the erasure with that number.
pub async fn find(pool: &PgPool, erasure_id: i64) -> Result<Option<Erasure>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(SELECT);
    sql.push(" and e.erasure_id = ").push_bind(erasure_id);
    newest(pool, sql, "e.erasure_id", None, 1, "an erasure").await.map(|found| found.into_iter().next())
}
