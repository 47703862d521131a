//! Tasks: what the queue, the savers and the callers know of an artifact of a session.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::model::artifact::{ArtifactState, SessionRef};
use crate::model::id::SourceId;
use crate::model::stream::Stream;

/// Tasks that expire within this time go before those of the newest sessions.
pub(super) const NEAR_EXPIRY: TimeDelta = TimeDelta::hours(12);

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

/// Key of one claim on one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    /// The session.
    pub session_id: i64,
    /// The stream.
    pub stream: Stream,
    pub(super) token: Uuid,
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

impl Task {
    /// Creates an unclaimed task that is due now.
    pub(crate) fn unclaimed(
        source_id: SourceId,
        session_id: i64,
        stream: Stream,
        session: SessionRef,
        state: ArtifactState,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            source_id,
            session_id,
            stream,
            session,
            requested_at: None,
            expires_at: None,
            first_attempt_at: now,
            attempts: 0,
            state,
            reason: None,
            due_at: now,
            owed: Owed::default(),
            token: Uuid::nil(),
            content_hash: None,
        }
    }

    /// Returns the instant from which ages count: the session's end, or a later request to generate the artifact.
    /// `None`: the session runs.
    pub fn counts_from(&self) -> Option<DateTime<Utc>> {
        let ended_at = self.session.ended_at?;
        Some(self.requested_at.map_or(ended_at, |requested_at| requested_at.max(ended_at)))
    }

    /// Whether an earlier artifact was stored. The rows of a session without one need not be looked for.
    pub(super) fn has_content(&self) -> bool {
        self.content_hash.is_some()
    }

    /// Returns the key of its claim.
    pub fn key(&self) -> ClaimKey {
        ClaimKey { session_id: self.session_id, stream: self.stream, token: self.token }
    }

    /// Returns its position in the order of tries, which is the order of a claim: tasks about to expire first, then
    /// those of the newest sessions.
    pub fn urgency(&self, now: DateTime<Utc>) -> impl Ord + use<> {
        let near = self.expires_at.filter(|at| *at > now && *at <= now + NEAR_EXPIRY);
        let newest = Reverse((self.session.ended_at.unwrap_or(DateTime::<Utc>::MAX_UTC), self.session_id));
        (near.is_none(), near, newest, self.stream)
    }
}
