//! The clocks of a run: the database's, which it reads once and then continues by a monotonic clock, and by how much
//! those of the provider and of this process are ahead of it.
//!
//! A clock that was set by hand is compared with the provider's only, and takes the place of the database's.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::clock::{ClockSkews, skew};
use crate::ingest::poller::Poller;
use crate::store::{StoreError, server};

/// The clocks of a run.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// The database's clock, and the monotonic instant at which it was read.
    database: Option<(DateTime<Utc>, Instant)>,
    skews: ClockSkews,
}

impl Clocks {
    /// Reads the database's clock, unless that of the poller was set by hand.
    pub(super) async fn read(poller: &Poller) -> Result<Self, StoreError> {
        if poller.clock.is_set_by_hand() {
            return Ok(Self::default());
        }
        let before = poller.clock.now();
        let read = server::now(&poller.pool).await?;
        let ahead_of_ours = skew(read, before, poller.clock.now());
        // the return trip makes this clock late by that time, and never early
        let database = Some((read, Instant::now()));
        Ok(Self { database, skews: ClockSkews { poller: Some(-seconds(ahead_of_ours)), ..ClockSkews::default() } })
    }

    /// Returns the present by the database's clock, used where the provider states no time. `None` where our own
    /// clock is set by hand, and so says nothing about the present.
    pub(super) fn database_now(&self) -> Option<DateTime<Utc>> {
        let (read, at) = self.database?;
        Some(read + TimeDelta::from_std(at.elapsed()).unwrap_or_default())
    }

    /// Notes the provider's clock, as an answer to a call stated it that was made at `asked_at` by the database's.
    pub(super) fn note(
        &mut self,
        provider_now: Option<DateTime<Utc>>,
        asked_at: Option<DateTime<Utc>>,
        poller: &Poller,
    ) {
        let present = self.database_now().unwrap_or_else(|| poller.clock.now());
        self.skews.provider = Some(provider_now.map(|read| seconds(skew(read, asked_at.unwrap_or(present), present))));
    }

    /// Returns by how much the clocks differ, as far as was seen.
    pub(super) fn skews(&self) -> ClockSkews {
        self.skews
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a provider may state any year, and the cast saturates")]
fn seconds(skew: TimeDelta) -> i32 {
    skew.as_seconds_f64().round() as i32
}
