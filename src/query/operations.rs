//! The journal of operator commands to the pollers, newest first.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::ReadError;
use crate::query::list::{newest, push_any};

/// One operator command.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Operation {
    /// Number of the command; increases.
    pub operation_id: i64,
    /// Time at which it was requested.
    pub requested_at: DateTime<Utc>,
    /// `pause`, `resume`, `run`, `replay`, `backfill` and others to come.
    pub kind: String,
    /// Slug of the source; null: all sources.
    pub source: Option<String>,
    /// The stream; null: all streams.
    pub stream: Option<String>,
    /// Further detail: the number of a reject, or a range of time; null: none.
    pub target: Option<String>,
    /// Requester: address of the caller, or user and host of the command line.
    pub requested_by: String,
    /// Id of the request, also in the log; null: requested on the command line.
    pub request_id: Option<String>,
}

/// Filter of commands. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct OperationFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these kinds.
    pub kinds: Vec<String>,
    /// Only commands with a lower number.
    pub before_operation_id: Option<i64>,
}

/// Returns the newest `limit` commands that pass the filter.
pub async fn list(pool: &PgPool, filter: &OperationFilter, limit: i64) -> Result<Vec<Operation>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select o.operation_id, o.requested_at::timestamptz as requested_at, o.kind, src.source_slug as source, o.stream,
                o.target, o.requested_by, o.request_id
           from ingest.operations o
           left join core.sources src using (source_id)
          where true",
    );
    push_any(&mut sql, [("src.source_slug", &filter.sources), ("o.kind", &filter.kinds)]);
    newest(pool, sql, "o.operation_id", filter.before_operation_id, limit, "the journal of operations").await
}
