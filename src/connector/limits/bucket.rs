//! The arithmetic of a budget, and a ledger that keeps it in this process.
//!
//! The bucket is one instant: when it will be full again (the generic cell rate algorithm). With a burst of
//! `b` and a refill of `(limit - b)` in each window, no window of that length, wherever it begins, holds more
//! than `limit` calls. Of several limits the longest spacing and the smallest burst count.
//!
//! A rate that an operator set is a ceiling. Else a default rate holds until the provider states a policy for minutes,
//! and again when it has not stated it for one of its windows. A lower limit holds at once, a higher one when the lower
//! one was not stated for one of its windows.
//!
//! What is left of a provider's window is kept as the number of the last call that may be made in it: so the
//! calls that are under way are counted without anybody having to report them. The function
//! `ingest.reserve_call` of the database does the same to the microsecond; a test compares the two.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::connector::limits::headers::{Observation, QuotaSaid, SAME_WINDOW};
use crate::connector::limits::{Decision, Ledger, LedgerError, Priority};

/// Thousandths of a provider's quota that are ours, unless configured: the customer's own calls need some.
pub const DEFAULT_SHARE_PERMILLE: u32 = 800;
/// The part of a limit that may be called at once.
const BURSTS_PER_LIMIT: i64 = 40;
/// A token that somebody waits for in [`Priority::Live`] is left to him for so long.
const LIVE_GRACE_US: i64 = 200_000;
/// A policy that is stated with each answer is noted once in this time.
const STATED_AGAIN: TimeDelta = TimeDelta::seconds(1);
const MINUTE_US: i64 = 60_000_000;
/// A quota of a longer time says nothing about the minutes, and lifts no pace.
const LONGEST_LIFTING_SECONDS: i64 = 600;
/// A stated policy lifts the pace for at least so long.
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
    /// So many calls in each window of this length.
    pub fn of(limit: i64, window_us: i64) -> Self {
        let limit = limit.max(1);
        let burst = (limit / BURSTS_PER_LIMIT).max(1);
        let refill = (limit - burst).max(1);
        Self { spacing_us: window_us / refill + i64::from(window_us % refill > 0), burst }
    }

    fn strictest(self, other: Self) -> Self {
        Self { spacing_us: self.spacing_us.max(other.spacing_us), burst: self.burst.min(other.burst) }
    }

    /// Tokens that a caller must leave to more urgent ones.
    fn kept_for_others(self, priority: Priority) -> i64 {
        let kept = match priority {
            Priority::Live => 0,
            Priority::Depth => (self.burst + 4) / 5,
            Priority::Backfill => (self.burst + 1) / 2,
        };
        kept.min(self.burst - 1)
    }
}

/// A quota of the provider's.
#[derive(Debug, Clone, Default)]
struct Quota {
    calls: Option<i64>,
    window_seconds: Option<i64>,
    /// When both were last stated.
    stated_at: Option<DateTime<Utc>>,
    /// The last call that may be made before `resets_at`.
    last_call: i64,
    resets_at: Option<DateTime<Utc>>,
}

/// The state of a budget. Ticks are microseconds of any clock that does not stand still.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// By the configured or the default rate.
    own: Pace,
    is_set_by_hand: bool,
    share_permille: i64,
    /// By the own rate and every stated quota.
    pace: Pace,
    /// By the stated quotas alone, and until when that holds instead.
    lifted: Option<(Pace, DateTime<Utc>)>,
    full_at_us: i64,
    live_until_us: i64,
    call_count: i64,
    answered_count: i64,
    blocked_until: Option<DateTime<Utc>>,
    quotas: BTreeMap<String, Quota>,
}

impl Bucket {
    /// At most so many calls a minute, and so many thousandths of each quota the provider states.
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

    /// So many calls a minute where the provider states no policy, else so many thousandths of what it states.
    pub fn unless_stated(requests_per_minute: u32, share_permille: u32) -> Self {
        Self { is_set_by_hand: false, ..Self::new(requests_per_minute, share_permille) }
    }

    /// The pace that holds at `now`.
    fn pace_at(&self, now: DateTime<Utc>) -> Pace {
        self.lifted.filter(|(_, until)| *until > now).map_or(self.pace, |(lifted, _)| lifted)
    }

    /// Takes a call, or says how long to wait.
    pub fn reserve(&mut self, priority: Priority, tick_us: i64, now: DateTime<Utc>) -> Decision {
        let used_up = self.quotas.values().filter(|quota| quota.last_call <= self.call_count);
        let stated = used_up.map(|quota| quota.resets_at).chain([self.blocked_until]).flatten();
        if let Some(until) = stated.filter(|until| *until > now).max() {
            return Decision::Blocked { until };
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
            return Decision::Wait { wait: micros(open_at_us - tick_us), spacing: micros(spacing_us) };
        }
        self.full_at_us = self.full_at_us.max(tick_us) + spacing_us;
        self.call_count += 1;
        Decision::Granted { number: self.call_count, count: 1 }
    }

    /// Keeps what the answer to call `number` said.
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
    /// Keeps the stated limit. Where it falls and nothing says what is left, calls wait until the window that saw the
    /// old pace has room under the new limit: the answer says until when.
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
            // the answer was long under way: it tells of the window before
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

/// A budget that one process keeps for itself.
#[derive(Debug)]
pub struct LocalLedger {
    bucket: Mutex<Bucket>,
    begun: Instant,
}

impl LocalLedger {
    /// Keeps `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket: Mutex::new(bucket), begun: Instant::now() }
    }
}

#[async_trait]
impl Ledger for LocalLedger {
    async fn reserve(&self, priority: Priority, _wanted: i64, now: DateTime<Utc>) -> Result<Decision, LedgerError> {
        let tick_us = i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX / 2);
        Ok(self.bucket.lock().unwrap_or_else(PoisonError::into_inner).reserve(priority, tick_us, now))
    }

    async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).observe(number, said, now);
        Ok(())
    }
}
