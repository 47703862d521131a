//! Renewal of the right to write while a run is active; ends the run when the right may have lapsed.
//!
//! The run's writes compare the right in the database, which decides. In addition, a process that was suspended or
//! starved for longer than its lease ends its run without asking: past a local deadline, which counts from before
//! the renewal was sent and uses a monotonic clock. A unit that was paused or claimed by another instance ends its
//! run after the page in flight.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;
use crate::store::backfill::{Unit, claim};
use crate::store::lease::{self, Lease};

/// Interval of renewing the claim on a unit, and the delay with which a pause is noticed.
const UNIT_RENEWAL: Duration = Duration::from_secs(2);

/// Renews until dropped.
pub(super) struct Keeper {
    /// `None` for a unit, whose run is stopped through its token when its claim is lost.
    trusted_until: Option<watch::Receiver<Instant>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts renewing a stream's lease.
    pub(super) fn of_lease(pool: &PgPool, lease: Lease) -> Self {
        let (tell, trusted_until) = watch::channel(lease.trusted_until());
        Self { trusted_until: Some(trusted_until), task: tokio::spawn(keep_lease(pool.clone(), lease, tell)) }
    }

    /// Starts renewing the claim on a unit; cancels `stop` once the claim is lost.
    pub(super) fn of_unit(pool: &PgPool, unit: Unit, stop: CancellationToken) -> Self {
        Self { trusted_until: None, task: tokio::spawn(keep_unit(pool.clone(), unit, stop)) }
    }

    /// Whether the right is valid as far as known without asking the database.
    pub(super) fn is_trusted(&self) -> bool {
        self.trusted_until.as_ref().is_none_or(|until| Instant::now() < *until.borrow())
    }

    /// Completes once the right may have lapsed.
    pub(super) async fn lapsed(&self) {
        let Some(trusted_until) = &self.trusted_until else { return std::future::pending().await };
        loop {
            let until = *trusted_until.borrow();
            sleep_until(until).await;
            if !self.is_trusted() {
                return;
            }
        }
    }
}

async fn keep_unit(pool: PgPool, unit: Unit, stop: CancellationToken) {
    let mut ticks = interval(UNIT_RENEWAL);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match claim::renew(&pool, &unit).await {
            Ok(true) => {}
            Ok(false) => return stop.cancel(),
            Err(error) => tracing::warn!(error = ?error, "the claim on a unit could not be renewed"),
        }
    }
}

async fn keep_lease(pool: PgPool, lease: Lease, tell: watch::Sender<Instant>) {
    let (usual, soon): (Duration, Duration) = (lease.duration() / 3, lease.duration() / 15);
    let mut wait = usual;
    loop {
        sleep(wait).await;
        wait = match timeout(usual, lease::renew(&pool, &lease)).await {
            Ok(Ok(trusted_until)) => {
                tell.send_replace(trusted_until);
                usual
            }
            Ok(Err(error @ StoreError::LeaseLost { .. })) => {
                tracing::warn!(cause = error.cause(), "another poller holds the lease");
                tell.send_replace(Instant::now());
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(cause = error.cause(), "a lease could not be renewed");
                soon
            }
            Err(_) => soon,
        };
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
