//! When sources are polled: the only file that knows the cron crate.
//!
//! The crate is used as a tick and nothing else: it starts jobs that overlap themselves, forgets missed
//! ones and does not wait at shutdown. So a tick only wakes the source's own worker, which runs one poll
//! at a time, drops ticks that come meanwhile, and is waited for at shutdown. Ticks are UTC: the crate
//! freezes a zone's offset at the start. Its repeated jobs stop for ever after a pause of the machine;
//! cron jobs do not, so only these are used. Several instances tick; whether a tick still needs a run is decided in the
//! database, by when the last one began, so that they make one run of it altogether and a restart makes none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, mpsc};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::task::TaskTracker;

use crate::ingest::control::{self, Bell};
use crate::ingest::{Polled, Poller, Source, artifact, past, run_if_due};
use crate::model::stream::Stream;

/// Polls start up to this much after their tick, so that sources with one schedule do not start at once.
const JITTER: Duration = Duration::from_millis(1_500);

/// A stream that was taken or parked is not asked for again sooner than this.
const SOONEST: Duration = Duration::from_secs(5);

/// Ticks until dropped or stopped.
pub struct Schedule(JobScheduler);

impl Schedule {
    /// Starts a worker for each source; each polls on every tick, when an operator asks for it, and at the start where
    /// a tick was missed. Workers end
    /// when `poller.stop` is cancelled, after the page in flight; wait for them with `tracker`.
    pub async fn start(
        poller: &Arc<Poller>,
        sources: Vec<Source>,
        tracker: &TaskTracker,
    ) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let mut bells = BTreeMap::new();
        for source in sources {
            // one place: a tick that comes during a poll is kept, further ones collapse into it
            let (tick, ticks) = mpsc::channel(1);
            let job = Job::new(source.schedule.as_str(), {
                let tick = tick.clone();
                move |_, _| {
                    let _ = tick.try_send(());
                }
            })?;
            scheduler.add(job).await?;
            let _ = tick.try_send(());
            let source = Arc::new(source);
            let sessions = Arc::new(Notify::new());
            bells.insert(source.id, Bell { lists: tick, sessions: Arc::clone(&sessions) });
            if !source.session_streams.is_empty() {
                tracker.spawn(artifact::work(Arc::clone(poller), Arc::clone(&source), sessions));
            }
            tracker.spawn(past::work(Arc::clone(poller), Arc::clone(&source)));
            tracker.spawn(work(Arc::clone(poller), source, ticks));
        }
        tracker.spawn(control::watch(Arc::clone(poller), bells));
        scheduler.start().await?;
        Ok(Self(scheduler))
    }

    /// Ends the ticks. Polls under way are the tracker's business.
    pub async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::warn!(error = %error, "the ticks could not be stopped");
        }
    }
}

async fn work(poller: Arc<Poller>, source: Arc<Source>, mut ticks: mpsc::Receiver<()>) {
    let mut come_again_at: Option<DateTime<Utc>> = None;
    loop {
        // a lease's end is the database's time: with clocks apart it may seem past already
        let early = come_again_at.map(|at| (at - poller.clock.now()).to_std().unwrap_or_default().max(SOONEST));
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            tick = ticks.recv() => if tick.is_none() { return },
            () = tokio::time::sleep(early.unwrap_or_default()), if early.is_some() => {}
        }
        come_again_at = None;
        let wait = JITTER.mul_f64(poller.dice.unit());
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        for stream in Stream::LISTING {
            // a task of its own, so that a panic costs one run and not the worker
            let (poller, source) = (Arc::clone(&poller), Arc::clone(&source));
            let slug = source.slug.clone();
            let run = tokio::spawn(async move { run_if_due(&poller, &source, stream).await });
            match run.await {
                Ok(Ok(polled)) => {
                    if let Polled::Held { owner, .. } = &polled {
                        tracing::debug!(source = %slug, owner, "another poller holds the stream");
                    }
                    come_again_at = polled.come_again_at().or(come_again_at);
                }
                Ok(Err(error)) => tracing::error!(source = %slug, error = ?error, "a run could not be recorded"),
                Err(error) => tracing::error!(source = %slug, error = %error, "a run crashed"),
            }
        }
    }
}
