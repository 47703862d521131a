//! The budget ledger shared by all instances: implements the `connector` trait with the functions of `store`.
//!
//! The two modules do not depend on each other; this module joins them and decides nothing.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::connector::limits::headers::Observation;
use crate::connector::limits::{Decision, Ledger, LedgerError, Priority};
use crate::store::StoreError;
use crate::store::budget::{self, Reservation, StatedQuota};

/// How long to wait for an unavailable database.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first wait between two tries; it doubles each time,
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A budget that is registered and stored in the database.
#[derive(Debug)]
pub struct SharedLedger {
    /// The database.
    pub pool: PgPool,
    /// Name of the budget.
    pub key: String,
}

#[async_trait]
impl Ledger for SharedLedger {
    async fn reserve(&self, priority: Priority, wanted: i64, now: DateTime<Utc>) -> Result<Decision, LedgerError> {
        let (began, mut wait) = (Instant::now(), FIRST_WAIT);
        // an unavailable database is waited for as when a page is saved: the provider is not at fault
        let reservation = loop {
            match budget::reserve(&self.pool, &self.key, priority.as_str(), wanted, now).await {
                Err(error) if error.is_transient() && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                reservation => break reservation.map_err(unasked)?,
            }
        };
        Ok(match reservation.ok_or_else(|| LedgerError("it is not registered".to_owned()))? {
            Reservation::Granted { number, count } => Decision::Granted { number, count },
            Reservation::Wait { wait_us, spacing_us } => {
                Decision::Wait { wait: micros(wait_us), spacing: micros(spacing_us) }
            }
            Reservation::Blocked(until) => Decision::Blocked { until },
        })
    }

    async fn observe(&self, number: i64, said: &Observation, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let quotas = said.quotas.iter().map(|(name, said)| StatedQuota {
            name,
            quota: said.quota,
            window_seconds: said.window_seconds,
            remaining: said.remaining,
            resets_at: said.resets_at,
        });
        let quotas: Vec<_> = quotas.collect();
        budget::observe(&self.pool, &self.key, number, now, said.blocked_until, &quotas).await.map_err(unasked)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unasked(error: StoreError) -> LedgerError {
    LedgerError(error.cause())
}

fn micros(number: i64) -> Duration {
    Duration::from_micros(u64::try_from(number).unwrap_or_default())
}
