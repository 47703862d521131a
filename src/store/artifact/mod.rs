//! What is fetched session by session: the work list, and what the work brings in.
//!
//! A task is enlisted in the transaction that stores its session, so that no crash can lose it. It is
//! claimed with a random token that runs out by itself; whoever saves compares the token in the same
//! transaction, so that work done twice is written once. Content is compared by hash first: the same
//! file again writes nothing but the task.
//!
//! Tasks are claimed, saved and settled many at a time. An unsettled task is ready (`is_ready`), claimed
//! (`claimed_until`), waits for the participants of its session (`is_waiting`), or is scheduled; each kind has an index
//! of its own, so that a claim reads nothing that it may not take. A task that any hand gives a `next_try_at` is
//! scheduled, and the first claim after that instant finds it.
//!
//! When to try again, and what an absence means, is decided outside; this only keeps it.

mod chat;
mod content;
mod enlist;
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
mod speech;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::model::artifact::{ArtifactState, SessionRef};
use crate::model::id::SourceId;
use crate::model::stream::Stream;

pub use self::content::{Content, Found, Member, SaveContext};
pub(super) use self::enlist::enlist;
pub use self::enlist::enlist_stored;
pub use self::save::{SaveOutcome, save_all, settle_refused};

/// A per-session stream of a source, as far as the work list must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStream {
    /// Which.
    pub stream: Stream,
    /// Its first try, after the session's end.
    pub first_try_after: TimeDelta,
    /// How long after the end the provider keeps it.
    pub retention: TimeDelta,
    /// It is fetched while the session runs, too.
    pub while_live: bool,
    /// It waits for the session's participants.
    pub per_participant: bool,
}

/// A task in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Source.
    pub source_id: SourceId,
    /// Our number for the session.
    pub session_id: i64,
    /// What is to be fetched.
    pub stream: Stream,
    /// Of which session.
    pub session: SessionRef,
    /// When we had it made, if we did.
    pub requested_at: Option<DateTime<Utc>>,
    /// The provider keeps it until then.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was asked for first.
    pub first_attempt_at: DateTime<Utc>,
    /// How often it was asked for, this time included.
    pub attempts: i32,
    /// What is known so far.
    pub state: ArtifactState,
    /// What the last try met, for programs.
    pub reason: Option<String>,
    /// When this try was due.
    pub due_at: DateTime<Utc>,
    /// What its last tries did not bring.
    pub owed: Owed,
    pub(super) token: Uuid,
    pub(super) content_hash: Option<Vec<u8>>,
}

/// The tries of a task that brought nothing, in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// The first fault since content was last read; `None`: nothing is owed.
    pub since: Option<DateTime<Utc>>,
    /// Since when each try has met the same reason.
    pub agreed_since: Option<DateTime<Utc>>,
    /// How many tries; of an owed task, since `since`.
    pub tries: i32,
}

impl Owed {
    /// When the faults began that still count; `None`: there was none, or the task was only put off.
    pub fn faults_since(&self) -> Option<DateTime<Utc>> {
        self.since.filter(|_| self.tries > 0)
    }
}

/// What becomes of a task after a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is known now.
    pub state: ArtifactState,
    /// When to try next; `None`: it is settled.
    pub next_try_at: Option<DateTime<Utc>>,
    /// What the try met, for programs.
    pub reason: Option<String>,
    /// The same for people.
    pub detail: Option<String>,
    /// What is owed from now on.
    pub owed: Owed,
}

/// What saving did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is stored.
    Written,
    /// It was stored already, to the byte.
    Unchanged,
    /// Somebody else has the task now; nothing was written.
    ClaimLost,
}
