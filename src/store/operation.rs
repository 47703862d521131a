//! The journal of operators' commands: author, time and target.
//!
//! Each is written in the transaction that executes it, so that nothing is done without a record. This module does
//! not interpret the kinds.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::db;
use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::StoreError;

/// Author of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Address of the caller, or user and host of the command line.
    pub requested_by: String,
    /// The id of the request; `None` on the command line.
    pub request_id: Option<String>,
}

/// A command.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// The source; `None`: all sources.
    pub source_id: Option<SourceId>,
    /// The stream; `None`: all streams.
    pub stream: Option<Stream>,
    /// Kind: `pause`, `resume`, `run`, `replay`, `backfill`, …
    pub kind: &'a str,
    /// Target: a reject's number, a range of time.
    pub target: Option<&'a str>,
    /// The author.
    pub operator: &'a Operator,
    /// The present.
    pub now: DateTime<Utc>,
}

/// Records an operation that was done outside of the database.
pub async fn write(pool: &PgPool, operation: &Operation<'_>) -> Result<i64, StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("recording an operator command"))?;
    record(&mut connection, operation).await
}

/// Records an operation within the transaction that executes it. Returns its number. A command without a request
/// comes from the command line, so nothing else writes it into the audit log.
pub(super) async fn record(tx: &mut PgConnection, operation: &Operation<'_>) -> Result<i64, StoreError> {
    let operation_id = sqlx::query_scalar!(
        "with audited as (
             insert into ingest.audit (at, kind, caller, action, target)
             select $1, 'command', $6, $4, $5 where $7::text is null)
         insert into ingest.operations (requested_at, source_id, stream, kind, target, requested_by, request_id)
         values ($1, $2, $3, $4, $5, $6, $7) returning operation_id",
        operation.now,
        operation.source_id.map(|id| id.0),
        operation.stream.map(Stream::as_str),
        operation.kind,
        operation.target,
        operation.operator.requested_by,
        operation.operator.request_id,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(StoreError::doing("recording an operator command"))?;
    db::notify_of_command(tx).await.map_err(StoreError::doing("announcing an operator command"))?;
    Ok(operation_id)
}
