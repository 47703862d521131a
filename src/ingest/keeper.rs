//! Keeps the right to write alive while a run lives, and tells the run when it may no longer trust it.
//!
//! The run's writes compare the right in the database, which is the last word. But a process that was stopped or starved
//! for longer than its lease should not have to be told: past the local deadline, which counts from before the renewal
//! was sent and by a clock nobody sets, the run ends by itself. A unit that is no longer to be worked on (it was paused,
//! or somebody else has it) ends its run after the page in flight.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;
use crate::store::backfill::{Unit, claim};
use crate::store::lease::{self, Lease};

/// How often a claim on a unit is renewed, which is also how soon a pause is noticed.
const UNIT_RENEWAL: Duration = Duration::from_secs(2);

/// Renews until dropped.
pub(super) struct Keeper {
    /// `None`: a unit, whose run is stopped where its claim is lost.
    trusted_until: Option<watch::Receiver<Instant>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Of a stream's lease.
    pub(super) fn of_lease(pool: &PgPool, lease: Lease) -> Self {
        let (tell, trusted_until) = watch::channel(lease.trusted_until());
        Self { trusted_until: Some(trusted_until), task: tokio::spawn(keep_lease(pool.clone(), lease, tell)) }
    }

    /// Of the claim on a unit; `stop` is cancelled once it is not ours any more.
    pub(super) fn of_unit(pool: &PgPool, unit: Unit, stop: CancellationToken) -> Self {
        Self { trusted_until: None, task: tokio::spawn(keep_unit(pool.clone(), unit, stop)) }
    }

    /// Whether the right can be trusted without asking the database.
    pub(super) fn is_trusted(&self) -> bool {
        self.trusted_until.as_ref().is_none_or(|until| Instant::now() < *until.borrow())
    }

    /// Ends once it cannot.
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
                tracing::warn!(cause = error.cause(), "a lease is somebody else's");
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
