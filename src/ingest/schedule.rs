//! Schedules of sources: the only file that uses the cron crate.
//!
//! The crate serves as a tick only: it starts jobs that overlap themselves, forgets missed ones and does not wait
//! at shutdown. So a tick only wakes the source's own worker, which runs one poll at a time, drops ticks that
//! arrive meanwhile, and is awaited at shutdown. Ticks are UTC: the crate freezes a zone's offset at the start. Its
//! repeated jobs stop for ever after a suspension of the machine; cron jobs do not, so only these are used. Several
//! instances tick. The database decides by the start of the last run whether a tick still needs one, so that all
//! instances make one run of it together and a restart makes none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, mpsc};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ingest::control::{self, Bell, Bells};
use crate::ingest::poller::{Poller, Source};
use crate::ingest::{Polled, artifact, backfill, hints, run_if_due};
use crate::model::id::SourceId;
use crate::model::stream::Stream;

/// Polls start up to this much after their tick, so that sources with one schedule do not start at once.
const JITTER: Duration = Duration::from_millis(1_500);

/// Shortest wait before a taken or parked stream is tried again.
const SOONEST: Duration = Duration::from_secs(5);

/// Time limit for the workers of a source to end when its settings change.
const END_WITHIN: Duration = Duration::from_secs(30);

/// Ticks until dropped or stopped.
pub struct Schedule {
    scheduler: JobScheduler,
    poller: Arc<Poller>,
    tracker: TaskTracker,
    workers: BTreeMap<SourceId, Workers>,
    bells: Bells,
}

/// The workers of one source.
struct Workers {
    tick: uuid::Uuid,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Schedule {
    /// Starts workers for each source. Each polls on every tick, on an operator's request, and at the start where a
    /// tick was missed. Workers end when `poller.stop` is cancelled, after the page in flight; wait for them with
    /// `tracker`.
    pub async fn start(
        poller: &Arc<Poller>,
        sources: Vec<Source>,
        tracker: &TaskTracker,
    ) -> Result<Self, JobSchedulerError> {
        let mut schedule = Self {
            scheduler: JobScheduler::new().await?,
            poller: Arc::clone(poller),
            tracker: tracker.clone(),
            workers: BTreeMap::new(),
            bells: Bells::default(),
        };
        for source in sources {
            schedule.add(source).await?;
        }
        tracker.spawn(control::watch(Arc::clone(poller), schedule.bells.clone()));
        schedule.scheduler.start().await?;
        Ok(schedule)
    }

    /// Switches to `sources`: removed ones end after the page in flight, new ones begin, and those not in
    /// `unchanged` restart after they have ended. All others continue undisturbed.
    pub async fn replace(
        &mut self,
        sources: Vec<Source>,
        unchanged: &BTreeSet<SourceId>,
    ) -> Result<(), JobSchedulerError> {
        let stays = |id: &SourceId| unchanged.contains(id) && sources.iter().any(|source| source.id == *id);
        let ending: Vec<SourceId> = self.workers.keys().copied().filter(|id| !stays(id)).collect();
        let mut ended = Vec::new();
        for id in ending {
            self.bells.remove(id);
            let Some(workers) = self.workers.remove(&id) else { continue };
            workers.stop.cancel();
            self.scheduler.remove(&workers.tick).await?;
            workers.tasks.close();
            ended.push(workers.tasks);
        }
        let all_ended = async {
            for tasks in &ended {
                tasks.wait().await;
            }
        };
        // a slower worker still holds its lease, which makes the new worker wait
        if tokio::time::timeout(END_WITHIN, all_ended).await.is_err() {
            tracing::warn!("the workers of changed sources have not ended in time");
        }
        for source in sources {
            if !self.workers.contains_key(&source.id) {
                self.add(source).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, source: Source) -> Result<(), JobSchedulerError> {
        // capacity one: a tick that arrives during a poll is kept, further ones collapse into it
        let (tick, ticks) = mpsc::channel(1);
        let job = Job::new(source.schedule.as_str(), {
            let tick = tick.clone();
            move |_, _| {
                let _ = tick.try_send(());
            }
        })?;
        let job = self.scheduler.add(job).await?;
        let _ = tick.try_send(());
        let stop = self.poller.stop.child_token();
        let poller = Arc::new(Poller { stop: stop.clone(), ..Poller::clone(&self.poller) });
        let source = Arc::new(source);
        let (sessions, hints) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let bell = Bell { lists: tick, sessions: Arc::clone(&sessions), hints: Arc::clone(&hints) };
        self.bells.insert(source.id, bell);
        let tasks = TaskTracker::new();
        let work_on_hints = hints::work(Arc::clone(&poller), Arc::clone(&source), hints, Arc::clone(&sessions));
        tasks.spawn(self.tracker.track_future(work_on_hints));
        if !source.session_streams.is_empty() {
            let work = artifact::work(Arc::clone(&poller), Arc::clone(&source), sessions);
            tasks.spawn(self.tracker.track_future(work));
        }
        tasks.spawn(self.tracker.track_future(backfill::work(Arc::clone(&poller), Arc::clone(&source))));
        tasks.spawn(self.tracker.track_future(work(poller, Arc::clone(&source), ticks)));
        self.workers.insert(source.id, Workers { tick: job, stop, tasks });
        Ok(())
    }

    /// Ends the ticks. The tracker waits for running polls.
    pub async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(error = %error, "the scheduler could not be stopped");
        }
    }
}

async fn work(poller: Arc<Poller>, source: Arc<Source>, mut ticks: mpsc::Receiver<()>) {
    let mut come_again_at: Option<DateTime<Utc>> = None;
    loop {
        // the end of a lease is the database's time: with differing clocks it may seem past already
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
