//! Polling and saving, for any provider: the only place that loops.
//!
//! A run takes no input. It reads how far its stream is proven complete, walks from a little before that instant to
//! the present, refreshes sessions that can still change, reads past periods again in rings, and records its
//! verdict. It is idempotent, runs alone (by its lease), and does not retry itself: the next scheduled run is the
//! retry. A run is `complete` only when proven: every window was read to the end the provider stated, with as many
//! distinct records as the provider counts, and that count did not shrink.
//!
//! Connectors are passed in as values; none is named here.

mod account;
pub mod artifact;
pub mod budget;
mod control;
mod drift;
mod keeper;
mod list_end;
mod patience;
pub mod past;
mod plan;
pub mod replay;
mod reread;
mod rings;
mod run;
pub mod schedule;
mod sweep;
mod trace;
mod verdict;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Dice, parse_schedule};
use crate::connector::error::PullErrorKind;
use crate::connector::{Connector, OpenSet, StreamPolicy, lists_by_creation};
use crate::ingest::artifact::PlannedStream;
use crate::ingest::rings::Extent;
use crate::ingest::run::Run;
use crate::model::id::{SourceId, SourceSlug};
use crate::model::person::PersonKey;
use crate::model::stream::Stream;
use crate::store::claim;
use crate::store::hold::Hold;
use crate::store::lease::{self, Claim, Claimant};
use crate::store::run::{Progress, Verdict};
use crate::store::{StoreError, lateness, run as journal, source as facts};

/// Completeness windows that end further ahead than this are trimmed. A nearer one may be due to a clock that was
/// set back.
const FURTHEST_AHEAD: TimeDelta = TimeDelta::days(1);

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
    pub past: Arc<dyn Connector>,
    /// Schedule of comparisons with the provider's counts: six cron fields, UTC. `None`: only on request.
    pub reconcile_schedule: Option<String>,
    /// Streams fetched for each known session.
    pub session_streams: Vec<PlannedStream>,
    /// Documented fields that the provider no longer sends, as configured by an operator.
    pub dropped_fields: Vec<String>,
}

/// Result of a poll.
#[derive(Debug, Clone, PartialEq)]
pub enum Polled {
    /// A run took place.
    Ran(RunSummary),
    /// Another poller holds the stream.
    Held {
        /// The holder.
        owner: String,
        /// End of its lease, unless renewed.
        until: DateTime<Utc>,
    },
    /// The provider allows no call before this instant.
    Parked {
        /// Instant of the next possible call.
        until: DateTime<Utc>,
    },
    /// An operator paused the stream.
    Paused,
    /// Another instance has already run it for this tick.
    NotDue,
    /// The provider has no such stream.
    NotOffered,
}

/// Summary of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Its number in the journal.
    pub run_id: i64,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason why it is not complete.
    pub reason: Option<String>,
    /// Class and text of the error that ended it.
    pub error: Option<(String, String)>,
    /// Pages saved.
    pub page_count: u64,
    /// Records in these pages.
    pub progress: Progress,
    /// Instant up to which the stream is now proven complete.
    pub complete_through: Option<DateTime<Utc>>,
    /// The provider allows no call before this instant.
    pub parked_until: Option<DateTime<Utc>>,
}

impl Polled {
    /// Returns when to retry before the next tick: a stream that was taken or parked does not wait for a schedule
    /// that may be a day away.
    pub fn come_again_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Held { until, .. } | Self::Parked { until } => Some(*until),
            Self::Ran(summary) => summary.parked_until,
            Self::Paused | Self::NotDue | Self::NotOffered => None,
        }
    }
}

/// Returns advice for the operator about a class of errors in the journal, in one sentence.
pub fn advice_for(class: &str) -> Option<&'static str> {
    PullErrorKind::advice_for(class).or_else(|| verdict::advice_for(class))
}

/// Polls one stream of one source once, regardless of its schedule.
pub async fn run_once(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    run(poller, source, stream, None, Extent::Share).await
}

/// Polls one stream of one source once, and reads all of its history again; only then is the run complete.
pub async fn run_full(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    run(poller, source, stream, None, Extent::Full).await
}

/// Polls one stream of one source if it is due: no instance has run it since the last tick of its schedule. Missed
/// ticks count as one.
pub async fn run_if_due(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    let now = poller.clock.now();
    let schedule = parse_schedule(&source.schedule).ok();
    let tick = schedule.and_then(|schedule| schedule.find_previous_occurrence(&now.trunc_subsecs(0), true).ok());
    run(poller, source, stream, Some(tick.unwrap_or(now)), Extent::Share).await
}

async fn run(
    poller: &Poller,
    source: &Source,
    stream: Stream,
    tick: Option<DateTime<Utc>>,
    extent: Extent,
) -> Result<Polled, StoreError> {
    let Some(policy) = source.connector.policy(stream) else { return Ok(Polled::NotOffered) };
    let (owner, duration, now) = (&poller.owner, poller.lease_duration, poller.clock.now());
    let lease = match lease::claim(&poller.pool, source.id, stream, &Claimant { owner, duration, now, tick }).await? {
        Claim::Granted(lease) => lease,
        Claim::Held { owner, until } => return Ok(Polled::Held { owner, until }),
        Claim::Paused => return Ok(Polled::Paused),
        Claim::NotDue => return Ok(Polled::NotDue),
    };
    if let Some(until) = journal::parked_until(&poller.pool, &lease, poller.clock.now()).await? {
        journal::give_back(&poller.pool, &lease).await?;
        return Ok(Polled::Parked { until });
    }
    let overlap = lateness::overlap(&poller.pool, source.id, stream, policy.overlap, poller.clock.now()).await?;
    let policy = StreamPolicy { overlap, ..policy };
    let now = poller.clock.now();
    let taken_back = claim::take_back(&poller.pool, &Hold::Lease(lease), now + FURTHEST_AHEAD, now).await?;
    let is_by_creation = lists_by_creation(&facts::facts(&poller.pool, source.id).await?);
    let targets = plan::targets(poller, source, stream, &policy, is_by_creation).await?;
    let mut run = Run::start(poller, source, lease, &targets.present).await?;
    run.doubts.extend(taken_back.map(|end| format!("a completeness window up to {end}, in the future, was trimmed")));
    let mut outcome = run.cover(&targets.in_order(), &policy).await;
    // a list that cannot be read to its end must not keep live sessions live for ever
    if let OpenSet::ByDetail { settling } = policy.open_set
        && verdict::leaves_calls_open(&outcome)
    {
        outcome = outcome.and(run.read_again(targets.present.from, settling).await);
    }
    if is_by_creation && outcome.is_ok() {
        outcome = run.read_rings(&policy, extent).await;
    }
    let outcome = run.judge_fields(outcome, &policy).await;
    Ok(Polled::Ran(run.finish(&lease, outcome).await))
}
