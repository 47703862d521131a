//! The right to write, which the first statement of a writing transaction compares.
//!
//! Polling holds a stream's lease. Work on past periods holds the claim on its unit, beside the poller of the stream.
//! A replay and the reading of a single session need no right: an older record never overwrites a newer one, and they
//! may not mark ranges as complete.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::backfill::Unit;
use crate::store::lease::Lease;
use crate::store::{StoreError, StreamKey};

/// The right under which something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteGuard {
    /// The lease of the stream.
    Lease(Lease),
    /// The claim on a past window.
    Unit(Unit),
    /// None: a session was read on its own, beside the poller. It proves nothing about its list.
    Single(StreamKey),
    /// None: stored records are read again with the current code.
    Replay(StreamKey),
}

impl WriteGuard {
    /// Returns the source and stream it applies to.
    pub fn stream_key(&self) -> StreamKey {
        match self {
            Self::Lease(lease) => lease.stream_key(),
            Self::Unit(unit) => unit.stream_key,
            Self::Single(stream_key) | Self::Replay(stream_key) => *stream_key,
        }
    }

    /// Whether stored records are read again, which were already counted when they were fetched.
    pub(super) fn is_replay(&self) -> bool {
        matches!(self, Self::Replay(_))
    }

    /// Returns the error that another process now holds the right.
    pub fn lost(&self) -> StoreError {
        match self {
            Self::Lease(lease) => lease.lost(),
            Self::Unit(unit) => unit.lost(),
            Self::Single(stream_key) | Self::Replay(stream_key) => {
                StoreError::LeaseLost { source_id: stream_key.source_id.0, stream: stream_key.stream.as_str() }
            }
        }
    }

    /// Fails with [`StoreError::LeaseLost`] or [`StoreError::UnitLost`] where another process now holds the right, or
    /// the source is being removed, and with [`StoreError::Paused`] where an operator paused the stream.
    pub(super) async fn check(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        match self {
            Self::Lease(lease) => lease.guard_unpaused(tx).await,
            Self::Unit(unit) => unit.guard(tx).await,
            Self::Single(stream_key) | Self::Replay(stream_key) => {
                if keep_source(tx, stream_key.source_id).await? {
                    Ok(())
                } else {
                    Err(self.lost())
                }
            }
        }
    }
}

/// Prevents the removal of a source, and erasures at it, until the transaction ends. Returns false where the source is
/// being removed. The row of the lease is locked: a lease and a claim already lock a row of the source, and Citus locks
/// a row of `core.sources` on each node.
pub(super) async fn keep_source(tx: &mut PgConnection, source_id: SourceId) -> Result<bool, StoreError> {
    let kept = sqlx::query!(
        r#"select 1 as "one!" from ingest.streams where source_id = $1 and stream = 'sessions' for key share"#,
        source_id.0,
    );
    Ok(kept.fetch_optional(tx).await.map_err(StoreError::doing("locking a source"))?.is_some())
}

/// Waits for all who write for a source, and lets none begin until the transaction ends.
pub(super) async fn take_source(tx: &mut PgConnection, source_id: SourceId) -> Result<(), StoreError> {
    let taken = sqlx::query!(
        r#"select 1 as "one!" from ingest.streams where source_id = $1 and stream = 'sessions' for update"#,
        source_id.0,
    );
    taken.fetch_optional(tx).await.map(drop).map_err(StoreError::doing("locking a source"))
}
