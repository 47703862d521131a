//! Verdicts: how a run of one stream of one source ended.
//!
//! Complete means proven; `ingest/verdict.rs` decides.

use chrono::{DateTime, Utc};

/// Class of the error of a run whose records lack documented fields.
pub const SCHEMA_DRIFT: &str = "schema_drift";

/// Class of the error of a stream where the clocks of a poll differ.
pub const CLOCK_SKEW: &str = "clock_skew";

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

/// How a run ended: its verdict, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason why it is not complete, one sentence.
    pub reason: Option<String>,
    /// Class and text of the error behind it.
    pub error: Option<(String, String)>,
    /// HTTP status of the answer behind the error.
    pub http_status: Option<u16>,
    /// The provider allows no call before this instant.
    pub parked_until: Option<DateTime<Utc>>,
}
