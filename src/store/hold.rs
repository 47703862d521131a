//! The right to write: what the first statement of a writing transaction compares.
//!
//! Polling holds a stream's lease. Work on the past holds the claim on its unit, beside the poller of the stream. What only adds records that are kept already holds nothing: the rule that an older
//! record never overwrites a newer one is enough for it, and it may claim nothing about a range of time.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::backfill::Unit;
use crate::store::lease::Lease;
use crate::store::{Place, StoreError};

/// On what ground something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The lease of the stream.
    Lease(Lease),
    /// The claim on a window of the past.
    Unit(Unit),
    /// None: records that were fetched before are read again by today's code.
    Replay(Place),
}

impl Hold {
    /// What it is about.
    pub fn place(&self) -> Place {
        match self {
            Self::Lease(lease) => lease.place(),
            Self::Unit(unit) => unit.place,
            Self::Replay(place) => *place,
        }
    }

    /// Whether records are read again that were fetched before: what was counted then is not counted once more.
    pub(super) fn is_replay(&self) -> bool {
        matches!(self, Self::Replay(_))
    }

    /// That the right is somebody else's.
    pub fn lost(&self) -> StoreError {
        match self {
            Self::Lease(lease) => lease.lost(),
            Self::Unit(unit) => unit.lost(),
            Self::Replay(place) => {
                StoreError::LeaseLost { source_id: place.source_id.0, stream: place.stream.as_str() }
            }
        }
    }

    /// Fails with [`StoreError::LeaseLost`] or [`StoreError::UnitLost`] where the right is somebody else's by now, and
    /// with [`StoreError::Paused`] where an operator wants the stream to rest.
    pub(super) async fn guard(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        match self {
            Self::Lease(lease) => lease.guard_unpaused(tx).await,
            Self::Unit(unit) => unit.guard(tx).await,
            Self::Replay(place) => keep_source(tx, place.source_id).await,
        }
    }
}

/// Keeps a source from being removed while something is written for it: rows that belong to it have no foreign key. A
/// lease and a claim hold a row of the source already.
pub(super) async fn keep_source(tx: &mut PgConnection, source_id: SourceId) -> Result<(), StoreError> {
    sqlx::query!(r#"select 1 as "one!" from core.sources where source_id = $1 for key share"#, source_id.0,)
        .fetch_optional(tx)
        .await
        .map_err(StoreError::doing("keeping a source"))?;
    Ok(())
}
