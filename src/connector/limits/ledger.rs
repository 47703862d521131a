//! The contract of the storage for a call budget's state, and the words that budget and storage share.
//!
//! The state is kept in this process, or where several instances share it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::connector::limits::headers::Observation;

/// Order in which calls are made when the budget is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Calls that dashboards depend on: lists and checks.
    Live,
    /// Calls for data of known sessions.
    Depth,
    /// Calls for past periods.
    Backfill,
}

impl Priority {
    /// Returns the name of the priority.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Depth => "depth",
            Self::Backfill => "backfill",
        }
    }
}

/// Answer of a ledger to a caller that wants to make calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallDecision {
    /// Call now.
    Granted {
        /// Number of the first call taken; grows with every call of the budget.
        number: i64,
        /// Number of calls taken, consecutively numbered.
        count: i64,
    },
    /// A token is available after `wait`, unless a caller of higher priority takes it.
    Wait {
        /// Time to wait.
        wait: Duration,
        /// Time between two calls at the steady rate.
        spacing: Duration,
    },
    /// The provider allows no call before this instant.
    Blocked {
        /// End of the block, by the callers' clock.
        until: DateTime<Utc>,
    },
}

/// An error of the ledger itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the call budget in the database is unavailable: {0}")]
pub struct LedgerError(pub String);

/// Storage for the state of a budget. Rates follow the ledger's own clock; instants stated by a provider follow the
/// callers' `now`.
#[async_trait]
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Takes between one and `wanted` calls, or returns how long to wait. Never waits itself.
    async fn reserve(&self, priority: Priority, wanted: i64, now: DateTime<Utc>) -> Result<CallDecision, LedgerError>;

    /// Stores what the answer to call `number` stated.
    async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) -> Result<(), LedgerError>;
}
