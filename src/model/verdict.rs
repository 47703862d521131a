//! Verdicts: how a run of one stream of one source ended.
//!
//! Complete means proven; what is proven is not known here.

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything in its range is proven to be stored.
    Complete,
    /// It ran to its end, and something is not proven.
    Incomplete,
    /// It could not go on.
    Failed,
    /// The provider wants no call for a while.
    RateLimited,
    /// It was told to stop.
    Cancelled,
}

impl Verdict {
    /// The value in `ingest.runs.verdict`.
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
