//! Parts of a stream's health: its run, its lease, its pause, its gaps, its rejects, its quota of calls, its last
//! error.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// The pause of a stream by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pause {
    /// Time at which it was paused.
    pub since: DateTime<Utc>,
    /// Operator who paused it: address of the caller.
    pub by: String,
}

impl Pause {
    pub(super) fn of(since: Option<DateTime<Utc>>, by: Option<String>) -> Option<Self> {
        since.zip(by).map(|(since, by)| Self { since, by })
    }
}

/// A run that has not ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CurrentRun {
    /// Number of the run.
    pub id: i64,
    /// Time at which it began.
    pub started_at: DateTime<Utc>,
    /// Time at which it last sent a heartbeat.
    pub heartbeat_at: DateTime<Utc>,
    /// Pages read so far.
    pub pages: i32,
    /// Records read so far.
    pub records: i64,
}

impl CurrentRun {
    pub(super) fn of(
        id: Option<i64>,
        started_at: Option<DateTime<Utc>>,
        heartbeat_at: Option<DateTime<Utc>>,
        pages: Option<i32>,
        records: Option<i64>,
    ) -> Option<Self> {
        Some(Self { id: id?, started_at: started_at?, heartbeat_at: heartbeat_at?, pages: pages?, records: records? })
    }
}

/// The right to write a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Lease {
    /// Name of the holder.
    pub owner: String,
    /// Time at which it expires.
    pub until: DateTime<Utc>,
}

/// Ranges known to be incomplete.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IncompleteWindows {
    /// Number of ranges.
    pub count: i64,
    /// The first few.
    pub first: Vec<IncompleteWindow>,
}

/// A range known to be incomplete.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IncompleteWindow {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// Reason why it is not proven.
    pub reason: Option<String>,
}

/// Incomplete ranges that an operator accepts.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AcceptedWindows {
    /// Number of ranges.
    pub count: i64,
    /// The first few.
    pub first: Vec<AcceptedWindow>,
}

/// An incomplete range that an operator accepts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AcceptedWindow {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// The operator's reason.
    pub note: String,
}

/// The last error.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastError {
    /// Class of the error, for programs.
    pub class: String,
    /// Description of the error.
    pub detail: Option<String>,
    /// Time at which it occurred.
    pub at: Option<DateTime<Utc>>,
    /// Advice for operators.
    pub advice: Option<&'static str>,
}

/// Records of the last ended run that could not be normalized.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastRunRejects {
    /// Number of the run.
    pub run_id: i64,
    /// Records that could not be normalized.
    pub rejected_count: i64,
    /// Records the provider sent.
    pub record_count: i64,
    /// `rejected_count` divided by `record_count`, 0 to 1; null: the provider sent none.
    pub rejected_share: Option<f64>,
}

/// Calls left to the source's account. Several sources may share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallQuota {
    /// Calls left in the provider's window, for all clients; null: not reported, or the window is over.
    pub remaining: Option<i64>,
    /// Calls in a whole window; null: not reported.
    pub quota: Option<i64>,
    /// Time at which the next window begins; null: not reported, or it has begun.
    pub resets_at: Option<DateTime<Utc>>,
    /// No call is made before this instant: the provider refused one, or our share is used up.
    pub blocked_until: Option<DateTime<Utc>>,
}
