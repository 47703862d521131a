//! Time and chance, as arguments.
//!
//! Everything that asks what time it is, or needs a random number, is handed one of these, so that a
//! test can state both. `clippy.toml` bans the global forms everywhere else. Nothing here knows what
//! the time is used for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Where the present comes from.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant, UTC.
    fn now(&self) -> DateTime<Utc>;

    /// Whether it shows what it was set to, and not the present: then no other clock is compared with it.
    fn is_set_by_hand(&self) -> bool {
        false
    }

    /// Waits until so much time has passed on this clock.
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

/// A clock that stands where it was put; tests move it, and so does each wait by it, at once.
#[derive(Debug)]
pub struct SettableClock(Mutex<DateTime<Utc>>);

impl SettableClock {
    /// A clock that shows `at` until it is moved.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves the clock, backwards too.
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

/// A source of chance: jitter of waits and starts. Never used for secrets.
#[derive(Debug)]
pub struct Dice(Mutex<SmallRng>);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    /// Dice seeded by the operating system.
    pub fn from_entropy() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }

    /// A number in `[0, 1)`.
    pub fn unit(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random::<f64>()
    }
}

/// A polling schedule.
pub type Schedule = croner::Cron;

/// Reads a schedule of six cron fields, second first. Its instants are UTC: local times would move, or
/// fire twice, when clocks change.
pub fn parse_schedule(text: &str) -> Result<Schedule, croner::errors::CronError> {
    croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build().parse(text)
}
