//! Renewal of the claims of a pass until their tasks are saved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::ingest::poller::{Poller, Source};
use crate::store::artifact::queue;
use crate::store::artifact::task::{ClaimKey, Task};

/// Renews the held claims. A claim that cannot be renewed costs at most duplicate work, because saving compares the
/// claim.
pub(super) struct ClaimRenewal {
    held: Arc<Mutex<BTreeMap<ClaimKey, Task>>>,
    task: JoinHandle<()>,
}

impl ClaimRenewal {
    /// Starts renewal without any claims.
    pub(super) fn start(poller: &Poller, source: &Source) -> Self {
        let held: Arc<Mutex<BTreeMap<ClaimKey, Task>>> = Arc::default();
        let (pool, shared, duration) = (poller.pool.clone(), Arc::clone(&held), poller.lease_duration);
        let source_id = source.id;
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(duration / 3);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let keys: Vec<ClaimKey> =
                    shared.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
                if let Err(error) = queue::renew(&pool, source_id, &keys, duration).await {
                    tracing::warn!(error = ?error, "claims could not be renewed");
                }
            }
        });
        Self { held, task }
    }

    /// Starts renewing the claim of a task.
    pub(super) fn add(&self, task: &Task) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(task.key(), task.clone());
    }

    /// Stops renewing a claim.
    pub(super) fn remove(&self, key: ClaimKey) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Returns all tasks whose claims are held.
    pub(super) fn tasks(&self) -> Vec<Task> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl Drop for ClaimRenewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}
