//! Keeps the right to write alive while a run lives.
//!
//! A lease that cannot be renewed is left to the guard of the run's next write. A unit that is no longer to be worked on
//! (it was paused, or somebody else has it) ends its run after the page in flight.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ingest::Poller;
use crate::store::backfill::{Unit, claim};
use crate::store::lease::{self, LEASE_DURATION, Lease};

/// How often a claim on a unit is renewed, which is also how soon a pause is noticed.
const UNIT_RENEWAL: Duration = Duration::from_secs(2);

/// Renews until dropped.
pub(super) struct Keeper(JoinHandle<()>);

impl Keeper {
    /// Of a stream's lease.
    pub(super) fn of_lease(poller: &Poller, lease: Lease) -> Self {
        let pool = poller.pool.clone();
        Self(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(LEASE_DURATION / 3);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                if let Err(error) = lease::renew(&pool, &lease).await {
                    tracing::warn!(error = ?error, "a lease could not be renewed");
                }
            }
        }))
    }

    /// Of the claim on a unit; `stop` is cancelled once it is not ours any more.
    pub(super) fn of_unit(poller: &Poller, unit: Unit, stop: CancellationToken) -> Self {
        let pool = poller.pool.clone();
        Self(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UNIT_RENEWAL);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                match claim::renew(&pool, &unit).await {
                    Ok(true) => {}
                    Ok(false) => {
                        stop.cancel();
                        return;
                    }
                    Err(error) => tracing::warn!(error = ?error, "the claim on a unit could not be renewed"),
                }
            }
        }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}
