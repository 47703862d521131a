//! The poller and the source, which every run and pass receives.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Dice};
use crate::connector::{ArtifactPolicy, Connector};
use crate::db::WriteState;
use crate::model::id::{SourceId, SourceSlug};
use crate::model::person::PersonKey;
use crate::model::stream::Stream;
use crate::store::artifact::task::SessionStream;

/// Dependencies of every poll.
#[derive(Debug, Clone)]
pub struct Poller {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Source of jitter.
    pub dice: Arc<Dice>,
    /// Key that turns people into pseudonyms.
    pub person_key: PersonKey,
    /// Host and process of this poller, shown to other pollers that find a stream taken.
    pub owner: String,
    /// Time after which its streams and tasks are free again without a renewal.
    pub lease_duration: Duration,
    /// Semaphore for uncommonly large artifacts, held until the artifact is saved: only one at a time fits into
    /// memory.
    pub large: Arc<Semaphore>,
    /// What its writes show about the database.
    pub writes: WriteState,
    /// Once cancelled, runs end after the page in flight.
    pub stop: CancellationToken,
}

/// A polled source.
pub struct Source {
    /// Our number of the source.
    pub id: SourceId,
    /// Its name.
    pub slug: SourceSlug,
    /// The slug used for pseudonyms: the first one of the source.
    pub pseudonym_slug: String,
    /// Its kind of platform.
    pub provider: String,
    /// Start of the history; nothing older is requested.
    pub history_from: DateTime<Utc>,
    /// Poll schedule: six cron fields, UTC.
    pub schedule: String,
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// The connector for past periods: its calls have the lowest priority in the budget.
    pub backfill_connector: Arc<dyn Connector>,
    /// Schedule of comparisons with the provider's counts: six cron fields, UTC. `None`: only on request.
    pub reconcile_schedule: Option<String>,
    /// Streams fetched for each known session.
    pub session_streams: Vec<PlannedStream>,
    /// Documented fields that the provider no longer sends, as configured by an operator.
    pub dropped_fields: Vec<String>,
}

impl Source {
    /// Returns what the task queue needs to know of its per-session streams.
    pub fn queued_streams(&self) -> Vec<SessionStream> {
        self.session_streams.iter().map(PlannedStream::queued).collect()
    }
}

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
    pub(super) fn queued(&self) -> SessionStream {
        SessionStream {
            stream: self.stream,
            first_try_after: self.policy.tries_after.first().copied().unwrap_or_default(),
            retention: self.policy.retention,
            while_live: self.policy.while_live.is_some(),
            per_participant: self.policy.per_participant,
        }
    }
}
