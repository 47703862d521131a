//! The journal of what operators tell the pollers to do: who, when, and about what.
//!
//! Written in the transaction that does it, so that nothing is done unseen. Knows no meaning of the kinds.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::StoreError;

/// Who wants something done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Address of the caller, or user and host of the command line.
    pub requested_by: String,
    /// The id of the request; `None` on the command line.
    pub request_id: Option<String>,
}

/// What somebody wants done.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Where; `None`: at all sources.
    pub source_id: Option<SourceId>,
    /// In which stream; `None`: in all.
    pub stream: Option<Stream>,
    /// What: `pause`, `resume`, `run`, `replay`, `backfill`, …
    pub kind: &'a str,
    /// What of it: a reject's number, a range of time.
    pub target: Option<&'a str>,
    /// Who.
    pub operator: &'a Operator,
    /// The present.
    pub now: DateTime<Utc>,
}

/// Writes down what was done outside of the database.
pub async fn write(pool: &PgPool, operation: &Operation<'_>) -> Result<i64, StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("writing down what an operator wants"))?;
    record(&mut connection, operation).await
}

/// Writes it down, within the transaction that does it. Returns its number.
pub(super) async fn record(tx: &mut PgConnection, operation: &Operation<'_>) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        "insert into ingest.operations (requested_at, source_id, stream, kind, target, requested_by, request_id)
         values ($1, $2, $3, $4, $5, $6, $7) returning operation_id",
        operation.now,
        operation.source_id.map(|id| id.0),
        operation.stream.map(Stream::as_str),
        operation.kind,
        operation.target,
        operation.operator.requested_by,
        operation.operator.request_id,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("writing down what an operator wants"))
}
