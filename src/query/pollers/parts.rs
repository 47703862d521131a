//! The parts of what is told about one stream: its run, its lease, its pause, its gaps, its last error.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// That somebody lets a stream rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who: address of the caller.
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
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it last gave a sign of life.
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
    /// When it runs out.
    pub until: DateTime<Utc>,
}

/// Ranges known not to be complete.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IncompleteWindows {
    /// How many there are.
    pub count: i64,
    /// The first few.
    pub first: Vec<IncompleteWindow>,
}

/// A range known not to be complete.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IncompleteWindow {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// Why it is not proven.
    pub reason: Option<String>,
}

/// Ranges known not to be complete that an operator accepts.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AcceptedWindows {
    /// How many there are.
    pub count: i64,
    /// The first few.
    pub first: Vec<AcceptedWindow>,
}

/// A range known not to be complete that an operator accepts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AcceptedWindow {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// Why, in the words of the operator.
    pub note: String,
}

/// What last went wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastError {
    /// Kind of error, for programs.
    #[schema(example = "auth_failed")]
    pub class: String,
    /// What happened, in words.
    pub detail: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What the operator can do.
    pub advice: Option<&'static str>,
}
