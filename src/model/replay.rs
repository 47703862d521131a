//! The outcome of reading a record again with the current code.
//!
//! Plain data: the replay returns it; the API and the command line show it.

use crate::model::page::Reject;

/// The outcome of replaying a reject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// It was read, and is stored now.
    Stored,
    /// It was read, and was stored already.
    Unchanged,
    /// It was read, and something newer is stored.
    Stale,
    /// It cannot be read or stored yet; holds the reason.
    StillRejected(Reject),
}

impl ReplayOutcome {
    /// Returns the name of the outcome.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::StillRejected(_) => "still_rejected",
        }
    }

    /// Returns whether the reject is resolved.
    pub fn is_resolved(&self) -> bool {
        !matches!(self, Self::StillRejected(_))
    }
}
