//! Keeps the lease of a run alive, and tells the run when it may no longer trust it.
//!
//! The run's writes compare the lease in the database, which is the last word. But a process that was stopped or starved
//! for longer than its lease should not have to be told: past the local deadline, which counts from before the renewal
//! was sent and by a clock nobody sets, the run ends by itself.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::store::StoreError;
use crate::store::lease::{self, Lease};

/// Renews a lease while its run lives.
pub(super) struct LeaseKeeper {
    trusted_until: watch::Receiver<Instant>,
    task: JoinHandle<()>,
}

impl LeaseKeeper {
    pub(super) fn start(pool: &PgPool, lease: Lease) -> Self {
        let (tell, trusted_until) = watch::channel(lease.trusted_until());
        Self { trusted_until, task: tokio::spawn(keep(pool.clone(), lease, tell)) }
    }

    /// Whether the lease can be trusted without asking the database.
    pub(super) fn is_trusted(&self) -> bool {
        Instant::now() < *self.trusted_until.borrow()
    }

    /// Ends once it cannot.
    pub(super) async fn lapsed(&self) {
        loop {
            let until = *self.trusted_until.borrow();
            sleep_until(until).await;
            if !self.is_trusted() {
                return;
            }
        }
    }
}

async fn keep(pool: PgPool, lease: Lease, tell: watch::Sender<Instant>) {
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

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
