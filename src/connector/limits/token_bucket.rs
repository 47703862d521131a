//! Arithmetic of a call budget, and a ledger that keeps it in this process.
//!
//! The bucket is one instant: when it will be full again (the generic cell rate algorithm). With a burst of `b` and
//! a refill of `(limit - b)` in each window, no window of that length, wherever it begins, holds more than `limit`
//! calls. Of several limits the longest spacing and the smallest burst count.
//!
//! A rate set by an operator is a ceiling. Otherwise a default rate holds until the provider states a policy for
//! minutes, and again when it has not stated the policy for the length of one of its windows. A lower limit holds
//! at once. A higher one holds when the lower one was not stated for one of its windows.
//!
//! The remainder of a provider's window is stored as the number of the last call that may be made in it, so calls
//! in progress are counted without being reported. The database function `ingest.reserve_call` does the same to the
//! microsecond; a test compares the two.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::connector::limits::headers::{Observation, QuotaSaid, SAME_WINDOW};
use crate::connector::limits::ledger::{CallDecision, Ledger, LedgerError, Priority};

/// Default share of a provider's quota, in thousandths; the rest is left to the customer's own calls.
pub const DEFAULT_SHARE_PERMILLE: u32 = 800;
/// The burst is this fraction of a limit: one in forty.
const BURSTS_PER_LIMIT: i64 = 40;
/// A token that a caller in [`Priority::Live`] waits for is reserved for this long.
const LIVE_GRACE_US: i64 = 200_000;
/// A policy that every answer states is stored at most once in this time.
const STATED_AGAIN: TimeDelta = TimeDelta::seconds(1);
const MINUTE_US: i64 = 60_000_000;
/// A quota over a longer window says nothing about minutes, and so does not raise the pace.
const LONGEST_LIFTING_SECONDS: i64 = 600;
/// A stated policy raises the pace for at least this long.
const SHORTEST_LIFT_SECONDS: i64 = 60;

/// The steady rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Time between two calls, microseconds.
    pub spacing_us: i64,
    /// Calls that may be made at once.
    pub burst: i64,
}

impl Pace {
    /// Returns the pace for this many calls in each window of this length.
    pub fn of(limit: i64, window_us: i64) -> Self {
        let limit = limit.max(1);
        let burst = (limit / BURSTS_PER_LIMIT).max(1);
        let refill = (limit - burst).max(1);
        Self { spacing_us: window_us / refill + i64::from(window_us % refill > 0), burst }
    }

    fn strictest(self, other: Self) -> Self {
        Self { spacing_us: self.spacing_us.max(other.spacing_us), burst: self.burst.min(other.burst) }
    }

    /// Returns the tokens that a caller must leave to callers of higher priority.
    fn kept_for_others(self, priority: Priority) -> i64 {
        let kept = match priority {
            Priority::Live => 0,
            Priority::Depth => (self.burst + 4) / 5,
            Priority::Backfill => (self.burst + 1) / 2,
        };
        kept.min(self.burst - 1)
    }
}

/// A quota of the provider.
#[derive(Debug, Clone, Default)]
struct Quota {
    calls: Option<i64>,
    window_seconds: Option<i64>,
    /// The instant at which both were last stated.
    stated_at: Option<DateTime<Utc>>,
    /// The last call that may be made before `resets_at`.
    last_call: i64,
    resets_at: Option<DateTime<Utc>>,
}

/// The state of a budget. Ticks are microseconds of any clock that does not stand still.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// The pace of the configured or default rate.
    own: Pace,
    is_set_by_hand: bool,
    share_permille: i64,
    /// The pace that satisfies the own rate and every stated quota.
    pace: Pace,
    /// The pace of the stated quotas alone, and the instant until which it holds instead.
    lifted: Option<(Pace, DateTime<Utc>)>,
    full_at_us: i64,
    live_until_us: i64,
    call_count: i64,
    answered_count: i64,
    blocked_until: Option<DateTime<Utc>>,
    quotas: BTreeMap<String, Quota>,
}

impl TokenBucket {
    /// Creates a bucket for at most this many calls a minute, and this share in thousandths of each quota the
    /// provider states.
    pub fn new(requests_per_minute: u32, share_permille: u32) -> Self {
        let own = Pace::of(i64::from(requests_per_minute), MINUTE_US);
        Self {
            own,
            is_set_by_hand: true,
            share_permille: i64::from(share_permille),
            pace: own,
            lifted: None,
            full_at_us: i64::MIN / 2,
            live_until_us: i64::MIN / 2,
            call_count: 0,
            answered_count: 0,
            blocked_until: None,
            quotas: BTreeMap::new(),
        }
    }

    /// Creates a bucket that follows the share of the stated policy, or this many calls a minute where the provider
    /// states none.
    pub fn unless_stated(requests_per_minute: u32, share_permille: u32) -> Self {
        Self { is_set_by_hand: false, ..Self::new(requests_per_minute, share_permille) }
    }

    /// Returns the pace that holds at `now`.
    fn pace_at(&self, now: DateTime<Utc>) -> Pace {
        self.lifted.filter(|(_, until)| *until > now).map_or(self.pace, |(lifted, _)| lifted)
    }

    /// Takes a call, or returns how long to wait.
    pub fn reserve(&mut self, priority: Priority, tick_us: i64, now: DateTime<Utc>) -> CallDecision {
        let used_up = self.quotas.values().filter(|quota| quota.last_call <= self.call_count);
        let stated = used_up.map(|quota| quota.resets_at).chain([self.blocked_until]).flatten();
        if let Some(until) = stated.filter(|until| *until > now).max() {
            return CallDecision::Blocked { until };
        }
        let pace = self.pace_at(now);
        let Pace { spacing_us, burst } = pace;
        let spare = burst - 1 - pace.kept_for_others(priority);
        let mut open_at_us = self.full_at_us - spare * spacing_us;
        if priority != Priority::Live {
            open_at_us = open_at_us.max(self.live_until_us);
        }
        if open_at_us > tick_us {
            if priority == Priority::Live {
                self.live_until_us = open_at_us + LIVE_GRACE_US;
            }
            return CallDecision::Wait { wait: micros(open_at_us - tick_us), spacing: micros(spacing_us) };
        }
        self.full_at_us = self.full_at_us.max(tick_us) + spacing_us;
        self.call_count += 1;
        CallDecision::Granted { number: self.call_count, count: 1 }
    }

    /// Stores what the answer to call `number` stated.
    pub fn observe(&mut self, number: i64, said: &Observation, now: DateTime<Utc>) {
        self.answered_count = self.answered_count.max(number);
        self.blocked_until = self.blocked_until.max(said.blocked_until);
        for (name, said) in &said.quotas {
            let quota = self.quotas.entry(name.clone()).or_default();
            self.blocked_until = self.blocked_until.max(quota.learn_policy(said, now));
            quota.learn_remaining(said, self.answered_count, self.share_permille, now);
        }
        self.set_pace();
    }

    fn set_pace(&mut self) {
        let stated: Vec<(Pace, i64, Option<DateTime<Utc>>)> = self
            .quotas
            .values()
            .filter_map(|quota| {
                let limit = quota.calls? * self.share_permille / 1_000;
                let seconds = quota.window_seconds?;
                Some((Pace::of(limit, seconds * 1_000_000), seconds, quota.stated_at))
            })
            .collect();
        self.pace = stated.iter().map(|(pace, ..)| *pace).fold(self.own, Pace::strictest);
        let may_lift = !self.is_set_by_hand && stated.iter().any(|(_, seconds, _)| *seconds <= LONGEST_LIFTING_SECONDS);
        let ends = stated.iter().map(|(_, seconds, stated_at)| {
            stated_at.map(|at| at + TimeDelta::seconds((*seconds).max(SHORTEST_LIFT_SECONDS)))
        });
        let until = ends.collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().min());
        let strictest = stated.iter().map(|(pace, ..)| *pace).reduce(Pace::strictest);
        self.lifted = strictest.zip(until).filter(|_| may_lift);
    }
}

impl Quota {
    /// Stores the stated limit. Where it falls and the remainder is not stated, calls wait until the window that
    /// ran at the old pace has room under the new limit: returns that instant.
    fn learn_policy(&mut self, said: &QuotaSaid, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (calls, seconds) = (said.quota.or(self.calls), said.window_seconds.or(self.window_seconds));
        let mut wait_until = None;
        if let (Some(calls), Some(seconds), Some(old_calls), Some(old_seconds)) =
            (calls, seconds, self.calls, self.window_seconds)
        {
            let (new_rate, old_rate) = (calls * old_seconds, old_calls * seconds);
            if new_rate > old_rate && self.stated_at.is_some_and(|at| at > now - TimeDelta::seconds(old_seconds)) {
                return None;
            }
            if new_rate < old_rate && !said.tells_remaining() {
                let window_us = i128::from(seconds) * 1_000_000;
                let filled_us = window_us * i128::from(new_rate) * 39 / (i128::from(old_rate) * 40);
                let wait_us = i64::try_from(window_us - filled_us).unwrap_or_default();
                wait_until = Some(now + TimeDelta::microseconds(wait_us));
            }
        }
        (self.calls, self.window_seconds) = (calls, seconds);
        let is_due = self.stated_at.is_none_or(|at| at <= now - STATED_AGAIN);
        if said.quota.is_some() && said.window_seconds.is_some() && is_due {
            self.stated_at = Some(now);
        }
        wait_until
    }

    fn learn_remaining(&mut self, said: &QuotaSaid, answered_count: i64, share_permille: i64, now: DateTime<Utc>) {
        let (Some(remaining), Some(resets_at)) = (said.remaining, said.resets_at) else { return };
        let not_ours = said.quota.or(self.calls).map_or(0, |quota| quota - quota * share_permille / 1_000);
        let left = remaining - not_ours;
        let last_call = answered_count + left;
        match self.resets_at.filter(|known| *known > now) {
            // the answer was slow: it describes the previous window
            Some(known) if resets_at < known - SAME_WINDOW => {}
            Some(known) if resets_at <= known + SAME_WINDOW => {
                self.last_call = self.last_call.min(last_call);
                if left <= 0 {
                    self.resets_at = Some(known.max(resets_at));
                }
            }
            _ => (self.last_call, self.resets_at) = (last_call, Some(resets_at)),
        }
    }
}

fn micros(number: i64) -> Duration {
    Duration::from_micros(u64::try_from(number).unwrap_or_default())
}

/// A ledger in the memory of one process.
#[derive(Debug)]
pub struct LocalLedger {
    bucket: Mutex<TokenBucket>,
    begun: Instant,
}

impl LocalLedger {
    /// Creates a ledger from `bucket`.
    pub fn new(bucket: TokenBucket) -> Self {
        Self { bucket: Mutex::new(bucket), begun: Instant::now() }
    }
}

#[async_trait]
impl Ledger for LocalLedger {
    async fn reserve(&self, priority: Priority, _wanted: i64, now: DateTime<Utc>) -> Result<CallDecision, LedgerError> {
        let tick_us = i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX / 2);
        Ok(self.bucket.lock().unwrap_or_else(PoisonError::into_inner).reserve(priority, tick_us, now))
    }

    async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).observe(number, said, now);
        Ok(())
    }
}
