//! Time and randomness, as arguments.
//!
//! Code that needs the current time or a random number takes one of these as an argument, so that a test can fix both.
//! `clippy.toml` bans the global functions everywhere else. This module does not know what the time is used for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::{SmallRng, StdRng};
use rand::{RngExt, SeedableRng};

/// A source of the current time.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the current instant, UTC.
    fn now(&self) -> DateTime<Utc>;

    /// Returns whether the clock was set by hand; then no other clock is compared with it.
    fn is_set_by_hand(&self) -> bool {
        false
    }

    /// Waits until `duration` has passed on this clock.
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Returns by how much a clock that showed `read` is ahead of another; negative: behind. The other one showed `before`
/// and `after` around the reading, so what lies between them is no difference.
pub fn skew(read: DateTime<Utc>, before: DateTime<Utc>, after: DateTime<Utc>) -> TimeDelta {
    read - read.clamp(before, after.max(before))
}

/// Seconds by which clocks are ahead of the database's; negative: behind. `None`: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockSkews {
    /// The provider's; outer `None`: it gave no answer, so that the last reading holds.
    pub provider: Option<Option<i32>>,
    /// That of the process that polls.
    pub poller: Option<i32>,
}

/// The clock of one request: it shows one instant.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub DateTime<Utc>);

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// A clock that stands still; tests move it, and each wait on it advances it at once.
#[derive(Debug)]
pub struct SettableClock(Mutex<DateTime<Utc>>);

impl SettableClock {
    /// Creates a clock that shows `at` until it is moved.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves the clock, forwards or backwards.
    pub fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

#[async_trait]
impl Clock for SettableClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_set_by_hand(&self) -> bool {
        true
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += duration;
    }
}

/// A source of randomness for the jitter of waits and starts. Never used for secrets.
#[derive(Debug)]
pub struct Dice(Mutex<SmallRng>);

impl Dice {
    /// Creates dice that return the same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    /// Creates dice seeded by the operating system.
    pub fn from_entropy() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }

    /// Returns a number in `[0, 1)`.
    pub fn unit(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random::<f64>()
    }
}

/// Returns bytes for a secret, from the generator of the operating system's entropy.
pub fn secret_bytes<const N: usize>() -> [u8; N] {
    rand::make_rng::<StdRng>().random()
}

/// A polling schedule.
pub type Schedule = croner::Cron;

/// Parses a schedule of six cron fields, seconds first. Its instants are UTC: local times would move, or fire
/// twice, when clocks change.
pub fn parse_schedule(text: &str) -> Result<Schedule, croner::errors::CronError> {
    croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build().parse(text)
}
