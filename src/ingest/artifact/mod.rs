//! Data fetched session by session: participants, chat, transcript, summary, quality.
//!
//! A pass processes the list of due tasks, a few at a time, so that one slow file does not delay others; several
//! instances share the list. Tasks are claimed and saved many at a time. [`attempt`] calls the connector once;
//! [`retry_schedule`] decides what an answer, an absence or a fault means. A task that fails is tried again and
//! does not make others count as failed. A provider that refuses the calls of one stream ends the work on that
//! stream; one that allows no calls at all ends the pass.

mod ages;
mod attempt;
mod backlog;
mod batch;
mod claiming;
mod dispatch;
mod gathered;
mod claim_renewal;
mod attempt_outcome;
mod participants;
pub mod pass;
mod reports;
mod retry_schedule;
mod summary;
mod worker;

use crate::connector::{ArtifactPolicy, Connector};
use crate::model::stream::Stream;
use crate::store::artifact::SessionStream;

pub(super) use self::worker::work;

/// A per-session stream that is fetched from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedStream {
    /// The stream.
    pub stream: Stream,
    /// Its fetching rules.
    pub policy: ArtifactPolicy,
}

impl PlannedStream {
    /// Returns the per-session streams among `wanted` that a connector offers.
    pub fn of(connector: &dyn Connector, wanted: &[Stream]) -> Vec<Self> {
        let offered = Stream::PER_SESSION.into_iter().filter(|stream| wanted.contains(stream));
        offered.filter_map(|stream| Some(Self { stream, policy: connector.artifact_policy(stream)? })).collect()
    }

    /// Returns what the task queue needs to know of it.
    pub fn listed(&self) -> SessionStream {
        SessionStream {
            stream: self.stream,
            first_try_after: self.policy.tries_after.first().copied().unwrap_or_default(),
            retention: self.policy.retention,
            while_live: self.policy.while_live.is_some(),
            per_participant: self.policy.per_participant,
        }
    }
}
