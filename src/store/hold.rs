//! The right to write, which the first statement of a writing transaction compares.
//!
//! Polling holds a stream's lease. Work on past periods holds the claim on its unit, beside the poller of the stream.
//! A replay needs no right: it only rewrites rows from stored records, where an older record never overwrites a newer
//! one, and it may not mark ranges as complete.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::backfill::Unit;
use crate::store::lease::Lease;
use crate::store::{Place, StoreError};

/// The right under which something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The lease of the stream.
    Lease(Lease),
    /// The claim on a past window.
    Unit(Unit),
    /// None: stored records are read again with the current code.
    Replay(Place),
}

impl Hold {
    /// Returns the source and stream it applies to.
    pub fn place(&self) -> Place {
        match self {
            Self::Lease(lease) => lease.place(),
            Self::Unit(unit) => unit.place,
            Self::Replay(place) => *place,
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
            Self::Replay(place) => {
                StoreError::LeaseLost { source_id: place.source_id.0, stream: place.stream.as_str() }
            }
        }
    }

    /// Fails with [`StoreError::LeaseLost`] or [`StoreError::UnitLost`] where another process now holds the right,
    /// and with [`StoreError::Paused`] where an operator paused the stream.
    pub(super) async fn guard(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        match self {
            Self::Lease(lease) => lease.guard_unpaused(tx).await,
            Self::Unit(unit) => unit.guard(tx).await,
            Self::Replay(place) => keep_source(tx, place.source_id).await,
        }
    }
}

/// Prevents the removal of a source while data is written for it, because some of its rows have no foreign key. A
/// lease and a claim already lock a row of the source.
pub(super) async fn keep_source(tx: &mut PgConnection, source_id: SourceId) -> Result<(), StoreError> {
    sqlx::query!(r#"select 1 as "one!" from core.sources where source_id = $1 for key share"#, source_id.0,)
        .fetch_optional(tx)
        .await
        .map_err(StoreError::doing("locking a source"))?;
    Ok(())
}
