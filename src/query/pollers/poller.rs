//! The health of the polling of one stream, as it is answered.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::pollers::parts::{
    AcceptedWindows, CallQuota, CurrentRun, IncompleteWindows, LastError, LastRunRejects, Lease, Pause,
};
use crate::query::pollers::tasks::Tasks;

/// Health of the polling of one stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Poller {
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record polled.
    pub stream: String,
    /// Summary of the health.
    pub state: PollerState,
    /// Whether an operator should look at it.
    pub is_failing: bool,
    /// The reasons why it is failing. A success removes them; a retry under way does not.
    pub failing_because: Vec<FailingReason>,
    /// Time at which a run last began; null: never.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Time at which a run last ended complete; null: never.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Everything before this instant is stored; null: nothing is proven yet.
    pub complete_through: Option<DateTime<Utc>>,
    /// Age of `complete_through`, seconds; in per-session streams, age of the oldest due task. Null: nothing is proven
    /// yet, or no task is due.
    pub lag_seconds: Option<i64>,
    /// The oldest instant at which the state of a stored record was last checked; null: unknown for some.
    pub state_as_of: Option<DateTime<Utc>>,
    /// Time of its next poll, never before the provider allows; null: it is not polled.
    pub next_run_at: Option<DateTime<Utc>>,
    /// The provider accepts no call before this instant.
    pub parked_until: Option<DateTime<Utc>>,
    /// Number of failed or incomplete runs since the last complete one.
    pub consecutive_failures: i32,
    /// The pause, with its start and author; null: it is polled.
    pub paused: Option<Pause>,
    /// The run that has not ended.
    pub run: Option<CurrentRun>,
    /// The current right to write the stream.
    pub lease: Option<Lease>,
    /// Records that could not be normalized and wait for a fix.
    pub open_reject_count: i64,
    /// Records of the last ended run that could not be normalized; null: none has ended, or the stream is no list.
    pub last_run_rejects: Option<LastRunRejects>,
    /// Kinds of unknown fields and values that were seen; see `/v1/sync/drift`.
    pub drift_count: i64,
    /// Lag from which it is failing, seconds: set for its source, or three intervals of its schedule.
    pub stale_after_seconds: i32,
    /// Calls that all instances made to its account so far; null: none.
    pub call_count: Option<i64>,
    /// The provider's clock minus the database's at the last poll, seconds; null: unknown.
    pub provider_skew_seconds: Option<i32>,
    /// Ranges known not to be complete.
    pub incomplete_windows: IncompleteWindows,
    /// Incomplete ranges that an operator accepts; the stream is not failing for them.
    pub accepted_windows: AcceptedWindows,
    /// The work list of a per-session stream; null for lists.
    pub tasks: Option<Tasks>,
    /// Calls left to its account; null: the provider has not reported any.
    pub quota: Option<CallQuota>,
    /// The last error, until another replaces it.
    pub last_error: Option<LastError>,
}

/// State of a stream's polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PollerState {
    /// It waits for its schedule; the last run was complete, or there was none.
    Idle,
    /// A run is in progress.
    Running,
    /// The provider requested a wait.
    RateLimited,
    /// The last run failed; it is retried.
    BackingOff,
    /// The provider refused the credential.
    AuthFailed,
    /// The provider refused the request itself.
    ConfigError,
    /// Some range could not be proven complete; in per-session streams, content is owed, or much was given up.
    Incomplete,
    /// A run began and sends no heartbeat, or no run begins although one is due.
    Stalled,
    /// An operator paused it.
    Paused,
    /// Its source is no longer configured.
    Disabled,
}

impl PollerState {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::RateLimited => "rate_limited",
            Self::BackingOff => "backing_off",
            Self::AuthFailed => "auth_failed",
            Self::ConfigError => "config_error",
            Self::Incomplete => "incomplete",
            Self::Stalled => "stalled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// A reason why a stream is failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailingReason {
    /// No poller of the service is alive.
    NoPoller,
    /// A run sends no heartbeat, or no run begins although one is due.
    Stalled,
    /// Runs failed since the last complete one.
    FailedRuns,
    /// A range could not be proven complete.
    IncompleteWindows,
    /// The clock of the provider, of the database or of the machine that polls was off at the last poll.
    ClockSkew,
    /// It is proven less far than `stale_after_seconds` of its source allows; a per-session stream has due tasks, and
    /// none was read for that time. A first load that makes progress does not count.
    Lag,
    /// Content is owed because of faults.
    Owed,
    /// Much content was given up.
    GivenUp,
}
