//! The right to write: what the first statement of a writing transaction compares.
//!
//! Polling holds a stream's lease. What only adds records that are kept already holds nothing: the rule that an older
//! record never overwrites a newer one is enough for it, and it may claim nothing about a range of time.

use sqlx::PgConnection;

use crate::store::lease::Lease;
use crate::store::{Place, StoreError};

/// On what ground something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The lease of the stream.
    Lease(Lease),
    /// None: records that were fetched before are read again by today's code.
    Replay(Place),
}

impl Hold {
    /// What it is about.
    pub fn place(&self) -> Place {
        match self {
            Self::Lease(lease) => lease.place(),
            Self::Replay(place) => *place,
        }
    }

    /// Fails with [`StoreError::LeaseLost`] where the right is somebody else's by now, and with
    /// [`StoreError::Paused`] where an operator wants the stream to rest.
    pub(super) async fn guard(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        match self {
            Self::Lease(lease) => lease.guard_unpaused(tx).await,
            Self::Replay(_) => Ok(()),
        }
    }
}
