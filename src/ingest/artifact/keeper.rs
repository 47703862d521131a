//! Keeps the claims of a pass alive until their tasks are saved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::ingest::{Poller, Source};
use crate::store::artifact::Task;
use crate::store::artifact::queue::{self, ClaimKey};

/// Renews the claims in hand. One that cannot be renewed costs at most work done twice: whoever saves compares
/// the claim.
pub(super) struct Keeper {
    held: Arc<Mutex<BTreeMap<ClaimKey, Task>>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Holds nothing yet.
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

    /// From now on.
    pub(super) fn hold(&self, task: &Task) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(task.key(), task.clone());
    }

    /// No longer.
    pub(super) fn let_go(&self, key: ClaimKey) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// All that are held.
    pub(super) fn tasks(&self) -> Vec<Task> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
