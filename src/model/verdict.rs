//! Verdicts: how a run of one stream of one source ended.
//!
//! Complete means proven; other modules decide what proves a run.

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything in its range is proven to be stored.
    Complete,
    /// It ran to its end, and something is not proven.
    Incomplete,
    /// It could not continue.
    Failed,
    /// The provider accepts no call for a while.
    RateLimited,
    /// It was stopped.
    Cancelled,
}

impl Verdict {
    /// Returns the value in `ingest.runs.verdict`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::RateLimited => "rate_limited",
            Self::Cancelled => "cancelled",
        }
    }
}
