//! Leases: at most one poller advances a stream.
//!
//! The lease is a row. Its token is random and its fence grows with every grant; each page's transaction compares
//! both, because after a failover two holders may have the same fence. All times are the database's, so that no
//! machine's clock matters. A holder trusts its lease only for a limited time after its request, by a monotonic
//! clock: a process that was suspended longer stops without asking.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use uuid::Uuid;

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::{StoreError, StreamKey};

/// A last start this far ahead of the present was written with a wrong clock, and does not block a run.
const WRONG_CLOCK: TimeDelta = TimeDelta::minutes(1);

/// Other writes about the stream are short; a process that is suspended in the middle of one must not block this one.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '2s'";

/// The right to advance a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The source.
    pub source_id: SourceId,
    /// The stream.
    pub stream: Stream,
    token: Uuid,
    fence: i64,
    duration: Duration,
    trusted_until: Instant,
}

/// Request for a lease.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// Host and process.
    pub owner: &'a str,
    /// Duration of the lease without renewal; the longest time that a killed poller blocks its streams.
    pub duration: Duration,
    /// The present.
    pub now: DateTime<Utc>,
    /// The tick of the schedule that the run is for; `None`: regardless of the schedule.
    pub tick: Option<DateTime<Utc>>,
}

/// Answer to a poller that requests a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The lease is granted.
    Granted(Lease),
    /// Another poller has it.
    Held {
        /// Its host and process.
        owner: String,
        /// End of its lease, unless renewed.
        until: DateTime<Utc>,
    },
    /// An operator paused it.
    Paused,
    /// The stream has already run for this tick.
    NotDue,
}

/// Requests the lease of a stream. Of several instances with the same tick only one is to run: a stream is due if its
/// last run began before the tick or never ended, or if it was requested by an operator or parked until now.
pub async fn claim(
    pool: &PgPool,
    source_id: SourceId,
    stream: Stream,
    claimant: &Claimant<'_>,
) -> Result<Claim, StoreError> {
    let failed = StoreError::doing("claiming a stream");
    let asked_at = Instant::now();
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query(LOCK_TIMEOUT).execute(&mut *tx).await.map_err(&failed)?;
    let granted = sqlx::query!(
        // a volatile function is not allowed in an update of a table that Citus knows
        r#"with free as (
           select source_id, stream, gen_random_uuid() as token,
                  clock_timestamp() + make_interval(secs => $4) as until
             from ingest.streams
            where source_id = $1 and stream = $2
              and (lease_until is null or lease_until <= now())
              and not exists (select from ingest.controls c
                               where c.source_id = $1 and c.stream = $2 and c.paused_at is not null)
              and ($5::timestamptz is null or last_attempt_at is null or last_attempt_at < $5 or last_attempt_at > $6
                   or run_id is not null or parked_until <= $7
                   or exists (select from ingest.controls c
                               where c.source_id = $1 and c.stream = $2 and c.due_at is not null))
              for no key update)
           update ingest.streams s
              set fence = fence + 1, lease_token = free.token, lease_owner = $3,
                  lease_until = free.until
             from free
            where s.source_id = free.source_id and s.stream = free.stream
        returning fence, lease_token as "token!""#,
        source_id.0,
        stream.as_str(),
        claimant.owner,
        claimant.duration.as_secs_f64(),
        claimant.tick,
        claimant.now + WRONG_CLOCK,
        claimant.now,
    )
    .fetch_optional(&mut *tx)
    .await;
    let granted = match granted {
        Ok(granted) => granted,
        Err(error) if is_lock_timeout(&error) => {
            return Ok(Claim::Held { owner: "a write that does not end".to_owned(), until: claimant.now });
        }
        Err(error) => return Err(failed(error)),
    };
    tx.commit().await.map_err(&failed)?;
    if let Some(row) = granted {
        let (duration, trusted_until) = (claimant.duration, asked_at + claimant.duration);
        let (token, fence) = (row.token, row.fence);
        return Ok(Claim::Granted(Lease { source_id, stream, token, fence, duration, trusted_until }));
    }
    let row = sqlx::query!(
        r#"select exists (select from ingest.controls c
                           where c.source_id = $1 and c.stream = $2 and c.paused_at is not null) as "is_paused!",
                  lease_token is not null as "is_held!",
                  coalesce(lease_owner, 'unknown') as "owner!", coalesce(lease_until, now()) as "until!"
             from ingest.streams where source_id = $1 and stream = $2"#,
        source_id.0,
        stream.as_str(),
    )
    .fetch_one(pool)
    .await
    .map_err(&failed)?;
    Ok(match row {
        row if row.is_paused => Claim::Paused,
        row if row.is_held || claimant.tick.is_none() => Claim::Held { owner: row.owner, until: row.until },
        _ => Claim::NotDue,
    })
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("55P03")
}

/// Extends a lease and returns until when it may be trusted; fails with [`StoreError::LeaseLost`] once another poller
/// has it.
pub async fn renew(pool: &PgPool, lease: &Lease) -> Result<Instant, StoreError> {
    let asked_at = Instant::now();
    let renewed = sqlx::query!(
        "update ingest.streams set lease_until = statement_timestamp() + make_interval(secs => $5)
          where source_id = $1 and stream = $2 and lease_token = $3 and fence = $4",
        lease.source_id.0,
        lease.stream.as_str(),
        lease.token,
        lease.fence,
        lease.duration.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("renewing a lease"))?;
    if renewed.rows_affected() == 0 { Err(lease.lost()) } else { Ok(asked_at + lease.duration) }
}

/// Releases a lease without a run.
pub async fn give_back(pool: &PgPool, lease: &Lease) -> Result<(), StoreError> {
    let failed = StoreError::doing("releasing a lease");
    let mut tx = pool.begin().await.map_err(&failed)?;
    lease.guard(&mut tx).await?;
    sqlx::query!(
        "update ingest.streams set lease_token = null, lease_owner = null, lease_until = null
          where source_id = $1 and stream = $2",
        lease.source_id.0,
        lease.stream.as_str(),
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

impl Lease {
    /// Returns its source and stream.
    pub(super) fn stream_key(&self) -> StreamKey {
        StreamKey { source_id: self.source_id, stream: self.stream }
    }

    /// Returns token and fence, for a statement that compares them itself.
    pub(super) fn grant(&self) -> (Uuid, i64) {
        (self.token, self.fence)
    }

    /// Returns the grant's number, which grows with every grant of the stream.
    pub fn fence(&self) -> i64 {
        self.fence
    }

    /// Returns its duration without renewal.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns until when it may be trusted without asking, unless it is renewed.
    pub fn trusted_until(&self) -> Instant {
        self.trusted_until
    }

    /// Returns the error that another poller has it, or may have it.
    pub fn lost(&self) -> StoreError {
        StoreError::LeaseLost { source_id: self.source_id.0, stream: self.stream.as_str() }
    }

    /// Compares token and fence, and locks the row for the rest of the transaction: the first statement of every
    /// write. Writes nothing itself. Time is not compared: an expired lease that no other poller took is still ours,
    /// and a new holder replaces the token under the same lock.
    pub(super) async fn guard(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        self.is_paused(tx).await.map(drop)
    }

    /// Does the same for an active run, which fails here once an operator has paused the stream.
    pub(super) async fn guard_unpaused(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let (source_id, stream) = (self.source_id.0, self.stream.as_str());
        if self.is_paused(tx).await? { Err(StoreError::Paused { source_id, stream }) } else { Ok(()) }
    }

    async fn is_paused(&self, tx: &mut PgConnection) -> Result<bool, StoreError> {
        let held = sqlx::query_scalar!(
            r#"select exists (select from ingest.controls c
                               where c.source_id = $1 and c.stream = $2 and c.paused_at is not null) as "is_paused!"
                 from ingest.streams s
                where s.source_id = $1 and s.stream = $2 and s.lease_token = $3 and s.fence = $4
                  for no key update of s"#,
            self.source_id.0,
            self.stream.as_str(),
            self.token,
            self.fence,
        )
        .fetch_optional(tx)
        .await
        .map_err(StoreError::doing("comparing the lease"))?;
        held.ok_or_else(|| self.lost())
    }
}
