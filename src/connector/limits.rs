//! Call budgets: keeps calls within a provider's rate limits.
//!
//! One budget belongs to one account at a provider, shared by all its sources, streams and instances. It has a token
//! bucket for the steady rate, the remainder of the provider's own windows, and an instant before which no call may be
//! made. A [`Ledger`] stores this state: in this process ([`token_bucket`]) or where several instances share it.
//! [`headers`] reads what the provider states about its limits.
//!
//! Callers of one process queue here. The first caller of each priority asks the ledger for all that wait behind
//! it, so that many calls cost one round trip. A call is taken only when it begins, never in advance, so that a
//! refusal of another instance's call stops it in time. Stated limits are written when they are news, or when calls
//! grow short.

mod ledger;
pub mod token_bucket;
pub mod headers;

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep, timeout};

use crate::clock::Clock;
pub use crate::connector::limits::ledger::{CallDecision, Ledger, LedgerError, Priority};

use crate::connector::limits::headers::Observation;
use crate::connector::limits::token_bucket::{LocalLedger, TokenBucket};

/// Longest wait of a caller; a caller that would wait longer gets the instant at which to try again, and keeps no
/// reservation.
pub const MAX_QUEUE_WAIT: Duration = Duration::from_secs(10);

/// The reason why a call may not be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The budget allows a call at this instant.
    Until(DateTime<Utc>),
    /// The state of the budget is unknown.
    Unknown(LedgerError),
}

/// The call budget of one account, as one process sees it.
#[derive(Debug)]
pub struct CallBudget {
    ledger: Arc<dyn Ledger>,
    /// One queue for each priority.
    queues: [Queue; 3],
    /// The limits last written, and when.
    written: Mutex<Option<(Instant, Observation)>>,
    /// A wait stated to this process; it is obeyed even when the ledger cannot be written.
    blocked_until: Mutex<Option<DateTime<Utc>>>,
    /// Last known time between two calls at the steady rate.
    spacing_ms: AtomicU64,
}

/// A call taken for a waiting caller must begin within this time, or it is lost.
const TAKEN_FOR: Duration = Duration::from_millis(100);

/// While half of a quota is left, answers that repeat the same limits are written once in this time.
const WRITTEN_AGAIN: Duration = Duration::from_millis(200);

/// The queue of one priority.
#[derive(Debug, Default)]
struct Queue {
    waiting: AtomicI64,
    turn: tokio::sync::Mutex<Option<Taken>>,
}

/// Calls that the previous first caller took for those behind it.
#[derive(Debug)]
struct Taken {
    numbers: Range<i64>,
    at: Instant,
}

/// A caller in a queue; dropping it leaves the queue, so it also does so when its wait is cancelled.
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
    /// Creates a budget whose state is stored in `ledger`.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger,
            queues: Default::default(),
            written: Mutex::default(),
            blocked_until: Mutex::default(),
            spacing_ms: AtomicU64::new(0),
        }
    }

    /// Creates a budget for this process alone: this many calls a minute, and four fifths of each quota the
    /// provider states.
    pub fn per_minute(requests_per_minute: u32) -> Self {
        Self::new(Arc::new(LocalLedger::new(TokenBucket::new(
            requests_per_minute,
            token_bucket::DEFAULT_SHARE_PERMILLE,
        ))))
    }

    /// Waits for a call, takes it and returns its number. Refuses at once where the wait would be too long.
    pub async fn reserve(&self, priority: Priority, clock: &dyn Clock) -> Result<i64, Refusal> {
        let started = Instant::now();
        let come_again = |wait: Duration| {
            let wait = TimeDelta::from_std(wait).unwrap_or_else(|_| TimeDelta::zero());
            Refusal::Until(clock.now() + wait)
        };
        let queue = &self.queues[priority as usize];
        let _waiting = Waiting::begin(&queue.waiting);
        let turn = timeout(self.max_queue_wait(), queue.turn.lock()).await;
        let mut turn = turn.map_err(|_| come_again(MAX_QUEUE_WAIT))?;
        let taken = turn.take().filter(|taken| taken.at.elapsed() < TAKEN_FOR);
        if let Some(mut taken) = taken
            && self.told_to_wait_until(clock.now()).is_none()
            && let Some(number) = taken.numbers.next()
        {
            *turn = Some(taken);
            return Ok(number);
        }
        let mut waited_for = None;
        loop {
            let now = clock.now();
            let decision = if let Some(until) = self.told_to_wait_until(now) {
                CallDecision::Blocked { until }
            } else {
                let wanted = queue.waiting.load(Ordering::Relaxed);
                self.ledger.reserve(priority, wanted, now).await.map_err(Refusal::Unknown)?
            };
            let wait = match decision {
                CallDecision::Granted { number, count } => {
                    *turn = Some(Taken { numbers: number + 1..number + count, at: Instant::now() });
                    return Ok(number);
                }
                CallDecision::Wait { wait, spacing } => {
                    let spacing_ms = u64::try_from(spacing.as_millis()).unwrap_or(u64::MAX);
                    self.spacing_ms.store(spacing_ms, Ordering::Relaxed);
                    wait
                }
                // a block that remains after its instant was awaited means that the clock stands still
                CallDecision::Blocked { until } if waited_for == Some(until) => return Err(Refusal::Until(until)),
                CallDecision::Blocked { until } => {
                    waited_for = Some(until);
                    (until - now).to_std().unwrap_or_default()
                }
            };
            if started.elapsed() + wait > self.max_queue_wait() {
                return Err(match decision {
                    CallDecision::Blocked { until } => Refusal::Until(until),
                    _ => come_again(wait),
                });
            }
            sleep(wait).await;
        }
    }

    /// Returns the longest wait. At a low steady rate it covers a few calls, or else a list of two pages would
    /// never be read to its end.
    fn max_queue_wait(&self) -> Duration {
        MAX_QUEUE_WAIT.max(Duration::from_millis(self.spacing_ms.load(Ordering::Relaxed)).saturating_mul(4))
    }

    /// Stores what the answer to call `number` stated. While calls are plentiful, an answer that repeats the limits
    /// written a moment ago is not written. If the ledger cannot be written now, later answers write it.
    pub async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) {
        if said.is_silent() || (said.leaves_half() && self.was_just_written(said)) {
            return;
        }
        if let Some(until) = said.blocked_until {
            let mut blocked = self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
            *blocked = (*blocked).max(Some(until));
        }
        match self.ledger.observe(number, said, now).await {
            Ok(()) => {
                *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), said.clone()));
            }
            Err(error) => tracing::warn!(error = %error, "the limits that a provider stated could not be stored"),
        }
    }

    fn was_just_written(&self, said: &Observation) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.as_ref().is_some_and(|(at, last)| at.elapsed() < WRITTEN_AGAIN && last.states_the_same(said))
    }

    fn told_to_wait_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > now)
    }
}
