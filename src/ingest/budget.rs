//! The ledger that all instances share: `connector`'s contract, kept by `store`.
//!
//! The two do not know each other; this is where they meet. Decides nothing.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::connector::limits::headers::Observation;
use crate::connector::limits::{Decision, Ledger, LedgerError, Priority};
use crate::store::StoreError;
use crate::store::budget::{self, Reservation, StatedQuota};

/// A budget that is kept in the database, and was registered there.
#[derive(Debug)]
pub struct SharedLedger {
    /// Where.
    pub pool: PgPool,
    /// Under which name.
    pub key: String,
}

#[async_trait]
impl Ledger for SharedLedger {
    async fn reserve(&self, priority: Priority, now: DateTime<Utc>) -> Result<Decision, LedgerError> {
        let reservation = budget::reserve(&self.pool, &self.key, priority.as_str(), now).await.map_err(unasked)?;
        Ok(match reservation.ok_or_else(|| LedgerError("it is not registered".to_owned()))? {
            Reservation::Granted(number) => Decision::Granted { number },
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
