//! Parts of a stream's health: its run, its lease, its pause, its gaps, its last error.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// The pause of a stream by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pause {
    /// Time at which it was paused.
    pub since: DateTime<Utc>,
    /// Operator who paused it: address of the caller.
    #[schema(example = "127.0.0.1:50214")]
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
    #[schema(example = "auth_failed")]
    pub class: String,
    /// Description of the error.
    pub detail: Option<String>,
    /// Time at which it occurred.
    pub at: Option<DateTime<Utc>>,
    /// Advice for operators.
    pub advice: Option<&'static str>,
}
