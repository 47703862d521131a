//! Leases: at most one poller advances a stream.
//!
//! The lease is a row. Its token is random and its fence grows with every grant; both are compared in
//! each page's transaction, because after a failover two holders may own the same fence. All times are
//! the database's, so that no machine's clock matters.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::{Place, StoreError};

/// How long a lease holds without renewal. A killed poller blocks its streams for so long at most.
pub const LEASE_DURATION: Duration = Duration::from_secs(45);

/// The right to advance a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Source.
    pub source_id: SourceId,
    /// Stream.
    pub stream: Stream,
    token: Uuid,
    fence: i64,
}

/// What a poller that asks for a stream is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is yours.
    Granted(Lease),
    /// Somebody else has it.
    Held {
        /// Who: host and process.
        owner: String,
        /// Until when, unless renewed.
        until: DateTime<Utc>,
    },
    /// An operator paused it.
    Paused,
}

/// Asks for the lease of a stream on behalf of `owner`.
pub async fn claim(pool: &PgPool, source_id: SourceId, stream: Stream, owner: &str) -> Result<Claim, StoreError> {
    let failed = StoreError::doing("claiming a stream");
    let granted = sqlx::query!(
        r#"update ingest.streams
              set fence = fence + 1, lease_token = gen_random_uuid(), lease_owner = $3,
                  lease_until = now() + make_interval(secs => $4)
            where source_id = $1 and stream = $2 and not is_paused
              and (lease_until is null or lease_until <= now())
        returning fence, lease_token as "token!""#,
        source_id.0,
        stream.as_str(),
        owner,
        LEASE_DURATION.as_secs_f64(),
    )
    .fetch_optional(pool)
    .await
    .map_err(&failed)?;
    if let Some(row) = granted {
        return Ok(Claim::Granted(Lease { source_id, stream, token: row.token, fence: row.fence }));
    }
    let row = sqlx::query!(
        r#"select is_paused, coalesce(lease_owner, 'unknown') as "owner!",
                  coalesce(lease_until, now()) as "until!"
             from ingest.streams where source_id = $1 and stream = $2"#,
        source_id.0,
        stream.as_str(),
    )
    .fetch_one(pool)
    .await
    .map_err(&failed)?;
    Ok(if row.is_paused { Claim::Paused } else { Claim::Held { owner: row.owner, until: row.until } })
}

/// Prolongs a lease; an error of kind [`StoreError::LeaseLost`] once it is somebody else's.
pub async fn renew(pool: &PgPool, lease: &Lease) -> Result<(), StoreError> {
    let renewed = sqlx::query!(
        "update ingest.streams set lease_until = now() + make_interval(secs => $5)
          where source_id = $1 and stream = $2 and lease_token = $3 and fence = $4",
        lease.source_id.0,
        lease.stream.as_str(),
        lease.token,
        lease.fence,
        LEASE_DURATION.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("renewing a lease"))?;
    if renewed.rows_affected() == 0 { Err(lease.lost()) } else { Ok(()) }
}

impl Lease {
    /// What it is for.
    pub(super) fn place(&self) -> Place {
        Place { source_id: self.source_id, stream: self.stream }
    }

    /// The grant's number; grows with every grant of the stream.
    pub fn fence(&self) -> i64 {
        self.fence
    }

    fn lost(&self) -> StoreError {
        StoreError::LeaseLost { source_id: self.source_id.0, stream: self.stream.as_str() }
    }

    /// Compares token and fence, and locks the row for the rest of the transaction: the first statement
    /// of every write. Writes nothing itself. Time is not compared: a lease that ran out and that nobody
    /// took is still ours, and whoever takes it replaces the token under the same lock.
    pub(super) async fn guard(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let held = sqlx::query_scalar!(
            r#"select 1 as "one!" from ingest.streams
                where source_id = $1 and stream = $2 and lease_token = $3 and fence = $4
                  for no key update"#,
            self.source_id.0,
            self.stream.as_str(),
            self.token,
            self.fence,
        )
        .fetch_optional(tx)
        .await
        .map_err(StoreError::doing("comparing the lease"))?;
        held.map(|_| ()).ok_or_else(|| self.lost())
    }
}
