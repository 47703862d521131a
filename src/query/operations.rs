//! The journal of operator commands to the pollers, newest first.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::{ReadError, reading};

/// One operator command.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Operation {
    /// Number of the command; increases.
    #[schema(example = 12)]
    pub operation_id: i64,
    /// Time at which it was requested.
    pub requested_at: DateTime<Utc>,
    /// `pause`, `resume`, `run`, `replay`, `backfill` and others to come.
    #[schema(example = "pause")]
    pub kind: String,
    /// Slug of the source; null: all sources.
    #[schema(example = "rtk-prod")]
    pub source: Option<String>,
    /// The stream; null: all streams.
    #[schema(example = "chat")]
    pub stream: Option<String>,
    /// Further detail: the number of a reject, or a range of time; null: none.
    pub target: Option<String>,
    /// Requester: address of the caller, or user and host of the command line.
    #[schema(example = "127.0.0.1:50214")]
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
    let lists = [(" and src.source_slug = any(", &filter.sources), (" and o.kind = any(", &filter.kinds)];
    for (clause, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        sql.push(clause).push_bind(values).push(")");
    }
    if let Some(operation_id) = filter.before_operation_id {
        sql.push(" and o.operation_id < ").push_bind(operation_id);
    }
    sql.push(" order by o.operation_id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(pool).await.map_err(reading("the journal of operations"))
}
