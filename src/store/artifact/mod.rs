//! Per-session data: the task queue, and the artifacts that its tasks fetch.
//!
//! A task is enqueued in the transaction that stores its session, so that no crash can lose it. It is claimed with a
//! random token that expires. Saving compares the token in the same transaction, so that work done twice is written
//! once. Content is compared by hash first: an unchanged file writes nothing but the task.
//!
//! Tasks are claimed, saved and settled many at a time. An unsettled task is ready (`is_ready`), claimed
//! (`claimed_until`), waits for the participants of its session (`is_waiting`), or is scheduled. Each kind has an
//! index of its own, so that a claim reads only tasks that it may take. A task with a `next_try_at` is scheduled, and
//! the first claim after that instant finds it, even if the value was set by hand.
//!
//! The caller decides when to try again, and what an absence means; this module only stores it.

mod chat;
mod content;
mod enqueue;
pub mod journal;
mod kept_records;
pub mod owed;
mod participant;
mod presence;
mod presence_check;
pub mod quality;
pub mod queue;
pub mod rebuild;
mod save;
mod settle;
mod speaker;
mod summary;
mod transcript;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::model::artifact::{ArtifactState, SessionRef};
use crate::model::id::SourceId;
use crate::model::stream::Stream;

pub use self::content::{Content, Found, Member, SaveContext};
pub(super) use self::enqueue::enqueue;
pub use self::enqueue::enqueue_stored;
pub use self::save::{SaveOutcome, save_all, settle_refused};

/// A per-session stream of a source, as the task queue needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStream {
    /// The stream.
    pub stream: Stream,
    /// Time from the session's end to the first try.
    pub first_try_after: TimeDelta,
    /// Time after the end for which the provider keeps it.
    pub retention: TimeDelta,
    /// Whether it is also fetched while the session runs.
    pub while_live: bool,
    /// Whether it waits for the session's participants.
    pub per_participant: bool,
}

/// A claimed task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The source.
    pub source_id: SourceId,
    /// Our number of the session.
    pub session_id: i64,
    /// The stream to fetch.
    pub stream: Stream,
    /// The session.
    pub session: SessionRef,
    /// When its generation was requested through us, if it was.
    pub requested_at: Option<DateTime<Utc>>,
    /// When the provider deletes it.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was first tried.
    pub first_attempt_at: DateTime<Utc>,
    /// Number of tries, including this one.
    pub attempts: i32,
    /// State so far.
    pub state: ArtifactState,
    /// Result of the last try, for programs.
    pub reason: Option<String>,
    /// When this try was due.
    pub due_at: DateTime<Utc>,
    /// What is owed after its last tries.
    pub owed: Owed,
    pub(super) token: Uuid,
    pub(super) content_hash: Option<Vec<u8>>,
}

/// Consecutive tries of a task without content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// The first fault since content was last read; `None`: nothing is owed.
    pub since: Option<DateTime<Utc>>,
    /// Start of the tries that all had the same reason.
    pub agreed_since: Option<DateTime<Utc>>,
    /// Number of tries; for an owed task, since `since`.
    pub tries: i32,
}

impl Owed {
    /// Returns when the faults began that still count; `None`: there was none, or the task was only deferred.
    pub fn faults_since(&self) -> Option<DateTime<Utc>> {
        self.since.filter(|_| self.tries > 0)
    }
}

/// State of a task after a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDecision {
    /// The new state.
    pub state: ArtifactState,
    /// The next try; `None`: the task is settled.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Result of the try, for programs.
    pub reason: Option<String>,
    /// Result of the try, for people.
    pub detail: Option<String>,
    /// What is owed from now on.
    pub owed: Owed,
}

/// Result of saving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The content was stored.
    Written,
    /// The same bytes were already stored.
    Unchanged,
    /// Another worker has the task now; nothing was written.
    ClaimLost,
}
