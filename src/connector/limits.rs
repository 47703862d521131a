//! Staying inside a provider's call budget.
//!
//! One budget belongs to one account at a provider, however many sources, streams and instances use it. It
//! holds a token bucket for the steady rate, what is left of the provider's own windows, and an instant before
//! which no call may be made at all. Where that is kept is a [`Ledger`]: in this process ([`bucket`]), or
//! wherever several instances can meet. What the provider says about it is read in [`headers`].
//!
//! Callers of one process queue here. The first of each urgency asks the ledger for all that wait behind it, so that
//! many calls cost one round trip. Nothing is taken in advance: a call is taken in the moment it begins, so that a
//! refusal of another instance's call meanwhile stops it. What answers say is written in the same way.

pub mod bucket;
pub mod headers;

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep, timeout};

use crate::clock::Clock;
use crate::connector::limits::bucket::{Bucket, LocalLedger};
use crate::connector::limits::headers::Observation;

/// A caller waits for so long; who would have to wait longer is told when to come again, and holds nothing
/// meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Who goes first when calls are short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// What dashboards wait for: lists, checks.
    Live,
    /// What belongs to sessions that are known already.
    Depth,
    /// The past.
    Backfill,
}

impl Priority {
    /// The name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Depth => "depth",
            Self::Backfill => "backfill",
        }
    }
}

/// What a ledger answers to who wants to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Call now.
    Granted {
        /// Number of the first call taken; grows with every call of the budget.
        number: i64,
        /// Calls taken, numbered in a row.
        count: i64,
    },
    /// A token is there after `wait`, unless somebody more urgent comes.
    Wait {
        /// How long.
        wait: Duration,
        /// Time between two calls at the steady rate.
        spacing: Duration,
    },
    /// The provider wants no call before this.
    Blocked {
        /// Until when, by the callers' clock.
        until: DateTime<Utc>,
    },
}

/// The ledger could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database could not be asked for the call budget: {0}")]
pub struct LedgerError(pub String);

/// Where the state of a budget is kept. Rates go by the ledger's own clock, instants that a provider stated by
/// the callers' `now`.
#[async_trait]
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Takes between one and `wanted` calls, or says how long to wait. Never waits itself.
    async fn reserve(&self, priority: Priority, wanted: i64, now: DateTime<Utc>) -> Result<Decision, LedgerError>;

    /// Keeps what the answer to call `number` said.
    async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) -> Result<(), LedgerError>;
}

/// Why a call may not be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Come again then.
    Until(DateTime<Utc>),
    /// Nobody knows.
    Unknown(LedgerError),
}

/// The calls one account may make, as one process sees it.
#[derive(Debug)]
pub struct CallBudget {
    ledger: Arc<dyn Ledger>,
    /// One for each urgency.
    queues: [Queue; 3],
    said: Mutex<Said>,
    writing: tokio::sync::Mutex<()>,
    /// What this process was told, it obeys even where the ledger could not be told.
    blocked_until: Mutex<Option<DateTime<Utc>>>,
    /// Time between two calls at the steady rate, when it was last told.
    spacing_ms: AtomicU64,
}

/// A call that was taken for a caller begins within this time; else it is forfeit.
const TAKEN_FOR: Duration = Duration::from_millis(100);

/// While half of a quota is left, answers that state the same limits again are written once in this time.
const WRITTEN_AGAIN: Duration = Duration::from_millis(200);

/// What answers said.
#[derive(Debug, Default)]
struct Said {
    /// Not written yet, with the highest number of their calls.
    unwritten: Vec<(i64, Observation)>,
    /// Written last.
    written: Option<(Instant, Observation)>,
}

/// Callers of one urgency.
#[derive(Debug, Default)]
struct Queue {
    waiting: AtomicI64,
    turn: tokio::sync::Mutex<Option<Taken>>,
}

/// Calls that the last in turn took for those behind it.
#[derive(Debug)]
struct Taken {
    numbers: Range<i64>,
    at: Instant,
}

/// A caller in a queue; it leaves the queue however its wait ends.
struct Waiting<'a>(&'a AtomicI64);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicI64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CallBudget {
    /// A budget whose state is kept in `ledger`.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger,
            queues: Default::default(),
            said: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            blocked_until: Mutex::default(),
            spacing_ms: AtomicU64::new(0),
        }
    }

    /// A budget of this process alone: so many calls a minute, and of what the provider states four fifths.
    pub fn per_minute(requests_per_minute: u32) -> Self {
        Self::new(Arc::new(LocalLedger::new(Bucket::new(requests_per_minute, bucket::DEFAULT_SHARE_PERMILLE))))
    }

    /// Waits for a call and takes it: its number. Refused at once where the wait would be long.
    pub async fn reserve(&self, priority: Priority, clock: &dyn Clock) -> Result<i64, Refusal> {
        let started = Instant::now();
        let come_again = |wait: Duration| {
            let wait = TimeDelta::from_std(wait).unwrap_or_else(|_| TimeDelta::zero());
            Refusal::Until(clock.now() + wait)
        };
        let queue = &self.queues[priority as usize];
        let _waiting = Waiting::begin(&queue.waiting);
        let turn = timeout(self.patience(), queue.turn.lock()).await;
        let mut turn = turn.map_err(|_| come_again(PATIENCE))?;
        let taken = turn.take().filter(|taken| taken.at.elapsed() < TAKEN_FOR);
        if let Some(mut taken) = taken
            && self.told_to_wait_until(clock.now()).is_none()
        {
            if let Some(number) = taken.numbers.next() {
                *turn = Some(taken);
                return Ok(number);
            }
        }
        let mut waited_for = None;
        loop {
            let now = clock.now();
            let decision = match self.told_to_wait_until(now) {
                Some(until) => Decision::Blocked { until },
                None => {
                    let wanted = queue.waiting.load(Ordering::Relaxed);
                    self.ledger.reserve(priority, wanted, now).await.map_err(Refusal::Unknown)?
                }
            };
            let wait = match decision {
                Decision::Granted { number, count } => {
                    *turn = Some(Taken { numbers: number + 1..number + count, at: Instant::now() });
                    return Ok(number);
                }
                Decision::Wait { wait, spacing } => {
                    let spacing_ms = u64::try_from(spacing.as_millis()).unwrap_or(u64::MAX);
                    self.spacing_ms.store(spacing_ms, Ordering::Relaxed);
                    wait
                }
                // an instant that was waited for and did not come belongs to a clock that stands
                Decision::Blocked { until } if waited_for == Some(until) => return Err(Refusal::Until(until)),
                Decision::Blocked { until } => {
                    waited_for = Some(until);
                    (until - now).to_std().unwrap_or_default()
                }
            };
            if started.elapsed() + wait > self.patience() {
                return Err(match decision {
                    Decision::Blocked { until } => Refusal::Until(until),
                    _ => come_again(wait),
                });
            }
            sleep(wait).await;
        }
    }

    /// Where few calls a minute are allowed, waiting for some of them is no impatience: else a list of two pages
    /// would never be read to its end.
    fn patience(&self) -> Duration {
        PATIENCE.max(Duration::from_millis(self.spacing_ms.load(Ordering::Relaxed)).saturating_mul(4))
    }

    /// Keeps what the answer to call `number` said. What others said meanwhile goes with it. A ledger that cannot be told
    /// now is told by later answers.
    pub async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) {
        if said.is_silent() {
            return;
        }
        if let Some(until) = said.blocked_until {
            let mut blocked = self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
            *blocked = (*blocked).max(Some(until));
        }
        {
            let mut kept = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let is_recent = kept
                .written
                .as_ref()
                .is_some_and(|(at, last)| at.elapsed() < WRITTEN_AGAIN && last.states_the_same(said));
            if is_recent && said.leaves_half() {
                return;
            }
            match kept.unwritten.last_mut().filter(|(_, last)| last.states_the_same(said)) {
                Some((last_number, last)) => {
                    last.absorb(said);
                    *last_number = number.max(*last_number);
                }
                None => kept.unwritten.push((number, said.clone())),
            }
        }
        let _turn = self.writing.lock().await;
        let unwritten = std::mem::take(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner).unwritten);
        for (number, said) in unwritten {
            if let Err(error) = self.ledger.observe(number, &said, now).await {
                tracing::warn!(error = %error, "what a provider said about its limits could not be kept");
            } else {
                let written = Some((Instant::now(), said));
                self.said.lock().unwrap_or_else(PoisonError::into_inner).written = written;
            }
        }
    }

    fn told_to_wait_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > now)
    }
}
