//! Poll → save, for any provider: this is the one place that loops.
//!
//! A run takes no input. It asks how far its stream is proven complete, walks from a little before there
//! to the present, reads again what can still change, the past in rings, and says how it went. It is idempotent, runs alone
//! (the lease), and does not retry itself into the next tick: the next tick is the retry. A run is
//! `complete` only when proven: every window was read to the end the provider stated, with as many
//! distinct records as the provider counts, while that count did not shrink.
//!
//! Connectors are received as values; none is named here.

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

/// Claims further ahead than this are taken back. What lies nearer may be a clock that was set back since.
const FURTHEST_AHEAD: TimeDelta = TimeDelta::days(1);

/// What every poll needs.
#[derive(Debug, Clone)]
pub struct Poller {
    /// Where to.
    pub pool: PgPool,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub dice: Arc<Dice>,
    /// Turns people into pseudonyms.
    pub person_key: PersonKey,
    /// Who polls: host and process, shown to whoever finds a stream taken.
    pub owner: String,
    /// How long what it holds stays held without a sign of life: its streams, and its tasks.
    pub lease_duration: Duration,
    /// Who handles an uncommonly large artifact holds this until it is saved: one at a time fits into memory.
    pub large: Arc<Semaphore>,
    /// Once cancelled, runs end after the page in flight.
    pub stop: CancellationToken,
}

/// A source that is polled.
pub struct Source {
    /// Our number for it.
    pub id: SourceId,
    /// Its name.
    pub slug: SourceSlug,
    /// The name that pseudonyms are made with: its first one.
    pub pseudonym_slug: String,
    /// Its kind of platform.
    pub provider: String,
    /// Nothing older is asked for.
    pub history_from: DateTime<Utc>,
    /// When it is polled: six cron fields, UTC.
    pub schedule: String,
    /// The way to it.
    pub connector: Arc<dyn Connector>,
    /// The same way for the past: its calls come last in the budget.
    pub past: Arc<dyn Connector>,
    /// When it is compared with the provider's counts: six cron fields, UTC. `None`: only when somebody asks.
    pub reconcile_schedule: Option<String>,
    /// What is fetched for each session once it is known.
    pub session_streams: Vec<PlannedStream>,
    /// Documented fields that the provider no longer sends, by the word of an operator.
    pub dropped_fields: Vec<String>,
}

/// How a poll went.
#[derive(Debug, Clone, PartialEq)]
pub enum Polled {
    /// A run took place.
    Ran(RunSummary),
    /// Another poller holds the stream.
    Held {
        /// Who.
        owner: String,
        /// Until when, unless renewed.
        until: DateTime<Utc>,
    },
    /// The provider wants no call before this.
    Parked {
        /// When to come again.
        until: DateTime<Utc>,
    },
    /// An operator paused the stream.
    Paused,
    /// Another instance has run it for this tick.
    NotDue,
    /// The provider has no such stream.
    NotOffered,
}

/// A run in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Its number in the journal.
    pub run_id: i64,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// Class and text of the error that ended it.
    pub error: Option<(String, String)>,
    /// Pages saved.
    pub page_count: u64,
    /// What they held.
    pub progress: Progress,
    /// Up to when the stream is proven complete now.
    pub complete_through: Option<DateTime<Utc>>,
    /// The provider wants no call before this.
    pub parked_until: Option<DateTime<Utc>>,
}

impl Polled {
    /// When to come again before the next tick: a stream that was taken or parked should not wait for a
    /// schedule that may be a day away.
    pub fn come_again_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Held { until, .. } | Self::Parked { until } => Some(*until),
            Self::Ran(summary) => summary.parked_until,
            Self::Paused | Self::NotDue | Self::NotOffered => None,
        }
    }
}

/// What an operator can do about a class of errors in the journal, one sentence.
pub fn advice_for(class: &str) -> Option<&'static str> {
    PullErrorKind::advice_for(class).or_else(|| verdict::advice_for(class))
}

/// Polls one stream of one source, once, whatever its schedule.
pub async fn run_once(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    run(poller, source, stream, None, Extent::Share).await
}

/// Polls one stream of one source, once, and reads all of its past again; only then the run is complete.
pub async fn run_full(poller: &Poller, source: &Source, stream: Stream) -> Result<Polled, StoreError> {
    run(poller, source, stream, None, Extent::Full).await
}

/// Polls one stream of one source if it is due: no instance has run it since the last tick of its schedule. Ticks that
/// were missed are one.
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
    run.doubts.extend(taken_back.map(|end| format!("a claim up to {end}, in the future, was taken back")));
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
