//! What became of a record that was read again by today's code.
//!
//! Plain data: told by whoever replays, shown by the API and the command line.

use crate::model::page::Reject;

/// What became of a reject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// It can be read, and is stored now.
    Stored,
    /// It can be read, and was stored already.
    Unchanged,
    /// It can be read, and something newer is stored.
    Stale,
    /// It cannot be read or stored yet; says why.
    StillRejected(Reject),
}

impl ReplayOutcome {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::StillRejected(_) => "still_rejected",
        }
    }

    /// Whether the reject is resolved.
    pub fn is_resolved(&self) -> bool {
        !matches!(self, Self::StillRejected(_))
    }
}
