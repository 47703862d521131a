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
mod clocks;
pub mod artifact;
pub mod budget;
mod control;
mod field_presence;
mod hints;
mod lease_renewal;
mod list_end;
mod write_retry;
pub mod backfill;
pub mod reconcile;
mod plan;
mod poller;
pub mod replay;
mod refresh_open;
mod rings;
mod report;
mod run;
pub mod schedule;
mod missing_sessions;
mod completeness;
mod verdict;
mod walk;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tracing::Instrument;

use crate::clock::parse_schedule;
use crate::connector::{OpenSet, StreamPolicy, lists_by_creation};
use crate::ingest::rings::Extent;
use crate::ingest::run::Run;
use crate::model::stream::Stream;
use crate::store::lease::{self, Claim, Claimant};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, lateness, run as journal, source as facts, window};
use crate::telemetry::traces;

pub use self::poller::{PlannedStream, Poller, Source};
pub use self::run::RunSummary;
pub use self::verdict::advice_for;

/// Completeness windows that end further ahead than this are trimmed. A nearer one may be due to a clock that was
/// set back.
const FURTHEST_AHEAD: TimeDelta = TimeDelta::days(1);

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

impl Polled {
    /// Returns when to retry before the next tick: a stream that was taken or parked does not wait for a schedule
    /// that may be a day away.
    pub fn come_again_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Held { until, .. } | Self::Parked { until } => Some(*until),
            Self::Ran(summary) => summary.outcome.parked_until,
            Self::Paused | Self::NotDue | Self::NotOffered => None,
        }
    }
}

/// Polls one stream of one source once, regardless of its schedule.
pub async fn run_once(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    traced(poller, source, stream, None, Extent::Share).await
}

/// Polls one stream of one source once, and reads all of its history again; only then is the run complete.
pub async fn run_full(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    traced(poller, source, stream, None, Extent::Full).await
}

/// Polls one stream of one source if it is due: no instance has run it since the last tick of its schedule. Missed
/// ticks count as one.
pub async fn run_if_due(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    let now = poller.clock.now();
    let schedule = parse_schedule(&source.schedule).ok();
    let tick = schedule.and_then(|schedule| schedule.find_previous_occurrence(&now.trunc_subsecs(0), true).ok());
    traced(poller, source, stream, Some(tick.unwrap_or(now)), Extent::Share).await
}

/// Runs within a span.
async fn traced(
    poller: &Poller,
    source: &Source,
    stream: Stream,
    tick: Option<DateTime<Utc>>,
    extent: Extent,
) -> Result<Polled, StoreError> {
    let span = traces::of_run(source.slug.as_str(), stream.as_str());
    run(poller, source, stream, tick, extent).instrument(span).await
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
        lease::give_back(&poller.pool, &lease).await?;
        return Ok(Polled::Parked { until });
    }
    let overlap = lateness::overlap(&poller.pool, source.id, stream, policy.overlap, poller.clock.now()).await?;
    let policy = StreamPolicy { overlap, ..policy };
    let now = poller.clock.now();
    let trimmed_end = window::trim_future(&poller.pool, &WriteGuard::Lease(lease), now + FURTHEST_AHEAD, now).await?;
    let is_by_creation = lists_by_creation(&facts::facts(&poller.pool, source.id).await?);
    let targets = plan::targets(poller, source, stream, &policy, is_by_creation).await?;
    let mut run = Run::start(poller, source, lease, &targets.present).await?;
    run.doubts.extend(trimmed_end.map(|end| format!("a completeness window up to {end}, in the future, was trimmed")));
    let mut outcome = run.cover(&targets.in_order(), &policy).await;
    // a list that cannot be read to its end must not keep live sessions live for ever
    if let OpenSet::ByDetail { settling } = policy.open_set
        && verdict::leaves_calls_open(&outcome)
    {
        outcome = outcome.and(run.refresh_open(targets.present.from, settling).await);
    }
    if (is_by_creation || extent == Extent::Full) && outcome.is_ok() {
        outcome = run.read_rings(&policy, extent, is_by_creation).await;
    }
    let outcome = run.settle_fields(outcome, &policy).await;
    Ok(Polled::Ran(run.finish(&lease, outcome).await))
}
