//! The journal of what operators told the pollers to do, newest first.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::{ReadError, reading};

/// One wish.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Operation {
    /// Its number; grows.
    #[schema(example = 12)]
    pub operation_id: i64,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// `pause`, `resume`, `run`, `replay`, `backfill` and others to come.
    #[schema(example = "pause")]
    pub kind: String,
    /// Slug of the source; null: about all of them.
    #[schema(example = "rtk-prod")]
    pub source: Option<String>,
    /// The stream; null: about all of them.
    #[schema(example = "chat")]
    pub stream: Option<String>,
    /// What of it: the number of a reject, a range of time; null: nothing more.
    pub target: Option<String>,
    /// Who: address of the caller, or user and host of the command line.
    #[schema(example = "127.0.0.1:50214")]
    pub requested_by: String,
    /// Id of the request, which is in the log too; null: the command line.
    pub request_id: Option<String>,
}

/// Which wishes are asked for. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct OperationFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these kinds.
    pub kinds: Vec<String>,
    /// Only wishes with a lower number than this.
    pub before_operation_id: Option<i64>,
}

/// The newest `limit` wishes that pass the filter.
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
