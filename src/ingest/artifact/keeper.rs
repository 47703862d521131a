//! Keeps the claims of a pass alive while its tries run.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::ingest::Poller;
use crate::store::artifact::queue;

/// Renews the claims in hand. One that cannot be renewed costs at most work done twice: whoever saves compares
/// the claim.
pub(super) struct Keeper {
    held: Arc<Mutex<Vec<Uuid>>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Holds nothing yet.
    pub(super) fn start(poller: &Poller) -> Self {
        let held: Arc<Mutex<Vec<Uuid>>> = Arc::default();
        let (pool, shared, duration) = (poller.pool.clone(), Arc::clone(&held), poller.lease_duration);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(duration / 3);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let tokens = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Err(error) = queue::renew(&pool, &tokens, duration).await {
                    tracing::warn!(error = ?error, "claims could not be renewed");
                }
            }
        });
        Self { held, task }
    }

    /// From now on.
    pub(super) fn hold(&self, token: Uuid) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(token);
    }

    /// No longer.
    pub(super) fn let_go(&self, token: Uuid) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| *held != token);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
