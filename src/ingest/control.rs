//! Runs requested by operators, and sessions named by webhooks, looked up about every second.
//!
//! The requesting and the polling process may run on different machines. They share two small tables, which works
//! through any connection pooler and costs two short reads a second. All instances look; the first that claims a
//! request runs it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::ingest::poller::Poller;
use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::{control, hint};

/// Time between two lookups; each is drawn from half of it to one and a half.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The channels that wake the workers of one source.
#[derive(Debug, Clone)]
pub(super) struct Bell {
    /// Wakes the worker of its lists.
    pub(super) lists: mpsc::Sender<()>,
    /// Wakes the worker of its per-session streams.
    pub(super) sessions: Arc<Notify>,
    /// Wakes the worker that reads single sessions.
    pub(super) hints: Arc<Notify>,
}

impl Bell {
    fn ring(&self, stream: Stream) {
        if Stream::LISTING.contains(&stream) {
            // a worker that is busy or already woken looks by itself
            let _ = self.lists.try_send(());
        } else {
            self.sessions.notify_one();
        }
    }
}

/// The bells of all polled sources.
#[derive(Debug, Clone, Default)]
pub(super) struct Bells(Arc<Mutex<BTreeMap<SourceId, Bell>>>);

impl Bells {
    fn all(&self) -> MutexGuard<'_, BTreeMap<SourceId, Bell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, id: SourceId, bell: Bell) {
        self.all().insert(id, bell);
    }

    pub(super) fn remove(&self, id: SourceId) {
        self.all().remove(&id);
    }
}

/// Wakes each worker that has a requested run, until the service stops.
pub(super) async fn watch(poller: Arc<Poller>, bells: Bells) {
    loop {
        let wait = LOOK_EVERY.mul_f64(0.5 + poller.dice.unit());
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        match control::wanted(&poller.pool, poller.clock.now()).await {
            Ok(wanted) => {
                let bells = bells.all();
                for (source_id, stream) in wanted {
                    if let Some(bell) = bells.get(&source_id) {
                        bell.ring(stream);
                    }
                }
            }
            // schedules continue without it, and the pollers report that the database is unavailable
            Err(error) => tracing::debug!(cause = error.cause(), "requests to run now could not be read"),
        }
        match hint::due(&poller.pool, poller.clock.now()).await {
            Ok(due) => {
                let bells = bells.all();
                due.iter().filter_map(|source_id| bells.get(source_id)).for_each(|bell| bell.hints.notify_one());
            }
            Err(error) => tracing::debug!(cause = error.cause(), "hints could not be read"),
        }
    }
}
