//! The version of the data, known in memory.
//!
//! It is read when a request needs it and the known one is too old, or in doubt because something was written. So a
//! process without requests reads nothing, and one with many reads once in a while.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The last known version.
#[derive(Debug)]
pub(super) struct Version {
    known: Mutex<Option<Known>>,
    /// Held by the one request that asks for the rest.
    asking: tokio::sync::Mutex<()>,
    doubts: AtomicU64,
    max_age: Duration,
}

#[derive(Debug)]
struct Known {
    digest: Arc<str>,
    /// Before the database was asked: what it answered is at least as new.
    asked_at: Instant,
    doubts: u64,
}

impl Version {
    /// A version that is asked for again after `max_age`.
    pub(super) fn new(max_age: Duration) -> Self {
        let (known, asking, doubts) = (Mutex::default(), tokio::sync::Mutex::default(), AtomicU64::new(0));
        Self { known, asking, doubts, max_age }
    }

    /// Notes that the data may have changed.
    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, SeqCst);
    }

    fn in_force(&self) -> Option<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.asked_at.elapsed() < self.max_age);
        known.filter(|known| known.doubts == self.doubts.load(SeqCst)).map(|known| Arc::clone(&known.digest))
    }

    /// Returns the version, with `ask` where the known one no longer counts. `None`: it cannot be found out now.
    pub(super) async fn current(&self, ask: impl Future<Output = Option<String>>) -> Option<Arc<str>> {
        if let Some(digest) = self.in_force() {
            return Some(digest);
        }
        let _turn = self.asking.lock().await;
        if let Some(digest) = self.in_force() {
            return Some(digest);
        }
        let (asked_at, doubts) = (Instant::now(), self.doubts.load(SeqCst));
        let digest: Arc<str> = ask.await?.into();
        let known = Known { digest: Arc::clone(&digest), asked_at, doubts };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Some(digest)
    }
}
