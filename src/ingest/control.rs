//! What operators want run now, looked for every second or so.
//!
//! Who asks and who polls may be different processes on different machines: they meet in one small table, which works
//! through any pooler and costs one short read a second. All instances look; whoever claims first runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::ingest::Poller;
use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::control;

/// Time between two looks; each is drawn from half of it to one and a half.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How the workers of one source are woken.
#[derive(Debug, Clone)]
pub(super) struct Bell {
    /// The worker of its lists.
    pub(super) lists: mpsc::Sender<()>,
    /// The worker of what is fetched session by session.
    pub(super) sessions: Arc<Notify>,
}

impl Bell {
    fn ring(&self, stream: Stream) {
        if Stream::LISTING.contains(&stream) {
            // a worker that is busy or woken already looks by itself
            let _ = self.lists.try_send(());
        } else {
            self.sessions.notify_one();
        }
    }
}

/// The bells of all sources that are polled.
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

/// Wakes whoever has something to run now, until the service stops.
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
            // schedules go on without it, and whoever polls says that the database is away
            Err(error) => tracing::debug!(cause = error.cause(), "what is to run now could not be read"),
        }
    }
}
