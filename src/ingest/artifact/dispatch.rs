//! The tries of a pass: claims, calls and saves run concurrently, each for many tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

use crate::ingest::artifact::attempt::{self, Finished, Tried};
use crate::ingest::artifact::backlog::Backlog;
use crate::ingest::artifact::batch::{self, Batch, Kept};
use crate::ingest::artifact::claim_renewal::ClaimRenewal;
use crate::ingest::artifact::claiming::{self, Claim};
use crate::ingest::artifact::stream_run::StreamRun;
use crate::ingest::artifact::summary::{PassFacts, StreamSummary};
use crate::ingest::poller::{PlannedStream, Poller, Source};
use crate::ingest::report::{Ended, run_ended};
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::journal::{self, PassProgress};
use crate::store::artifact::owed;
use crate::store::artifact::queue::{self, Untried};
use crate::store::artifact::task::{ClaimKey, Task};
use crate::store::run::Progress;

/// Interval of checks for tasks that became due and for streams that an operator paused.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The journal's view of a running pass is at most this old.
const JOURNAL_EVERY: Duration = Duration::from_secs(1);
/// A pass ends after this and the next begins, so that the journal shows progress on a long backlog.
const LONGEST: TimeDelta = TimeDelta::minutes(5);
/// A pass with slow last tries goes on for this long, so that they do not delay the others.
const LONGEST_DELAY: TimeDelta = TimeDelta::minutes(10);

/// A running pass.
pub(super) struct Pass<'a> {
    poller: &'a Poller,
    source: &'a Source,
    streams: &'a [PlannedStream],
    facts: BTreeMap<Stream, PassFacts>,
    /// Progress of each run since it was last written.
    progress: BTreeMap<i64, PassProgress>,
    /// Progress of each run since it began.
    totals: BTreeMap<i64, Progress>,
    written_at: Instant,
    /// Time of the last claim.
    looked_at: Instant,
    backlog: Backlog<'a>,
    batch: Batch<'a>,
    /// Tasks being requested now.
    trying: BTreeSet<ClaimKey>,
    /// At the end of a pass, the tasks it still waits for.
    slow: Option<BTreeSet<ClaimKey>>,
    ends_at: DateTime<Utc>,
    /// Whether the provider allows no more calls.
    is_closed: bool,
    failed: Option<StoreError>,
    renewal: ClaimRenewal,
}

impl<'a> Pass<'a> {
    pub(super) fn new(poller: &'a Poller, source: &'a Source, streams: &'a [PlannedStream]) -> Self {
        Self {
            poller,
            source,
            streams,
            facts: BTreeMap::new(),
            progress: BTreeMap::new(),
            totals: BTreeMap::new(),
            written_at: Instant::now(),
            looked_at: Instant::now(),
            backlog: Backlog::default(),
            batch: Batch::default(),
            trying: BTreeSet::new(),
            slow: None,
            ends_at: poller.clock.now() + LONGEST,
            is_closed: false,
            failed: None,
            renewal: ClaimRenewal::start(poller, source),
        }
    }

    /// Runs claims, tries and saves concurrently: one of them may hold the database connection that another waits
    /// for.
    pub(super) async fn work(&mut self) -> Result<(), StoreError> {
        let (poller, source) = (self.poller, self.source);
        let (mut claiming, mut trying, mut saving) =
            (FuturesUnordered::new(), FuturesUnordered::new(), FuturesUnordered::new());
        loop {
            if self.is_open() {
                while !self.batch.is_full()
                    && let Some(claimed) = self.backlog.start_next(poller.clock.now())
                {
                    self.trying.insert(claimed.task.key());
                    let facts = self.facts.get(&claimed.task.stream);
                    let is_usual_absence = facts.is_some_and(PassFacts::is_absence_usual);
                    trying.push(attempt::run_guarded(poller, source, claimed, is_usual_absence));
                }
                if claiming.is_empty()
                    && let Some(claim) = self.next_claim(!trying.is_empty())
                {
                    claiming.push(claiming::claim(poller, source, self.streams, claim));
                }
            }
            let is_idle = trying.is_empty() && claiming.is_empty();
            if saving.is_empty() && self.failed.is_none() && self.is_batch_due(is_idle) {
                let (batch, passes) = (self.batch.take(), self.progress_to_write());
                saving.push(async move {
                    let kept = batch::save(poller, source, batch, &passes).await;
                    kept.map(|kept| (kept, passes))
                });
            }
            if is_idle && saving.is_empty() {
                break;
            }
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                () = poller.stop.cancelled() => break,
                Some(saved) = saving.next() => self.note_saved(saved),
                Some(claimed) = claiming.next() => self.note_claimed(claimed),
                Some((finished, tried)) = trying.next() => self.note_tried(finished, tried),
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
        drop(trying);
        // a claim under way may already hold tasks, which are given back below
        while let Some(claimed) = claiming.next().await {
            self.note_claimed(claimed);
        }
        // finished tries are saved even when the service is stopping
        while let Some(saved) = saving.next().await {
            self.note_saved(saved);
        }
        if !self.batch.is_empty() && self.failed.is_none() {
            let saved = batch::save(poller, source, self.batch.take(), &[]).await;
            self.note_saved(saved.map(|kept| (kept, Vec::new())));
        }
        // the remaining claims are released
        let now = poller.clock.now();
        let left: Vec<Task> = self.renewal.tasks();
        let untried = Untried { due_at: now, owed_for: None };
        let left: Vec<(&Task, Untried)> = left.iter().map(|task| (task, untried)).collect();
        let given_back = queue::give_back(&poller.pool, &left, now).await;
        self.failed.take().map_or(given_back, Err)
    }

    /// Whether to begin more work. At its end a pass waits for the calls that were running then, and continues to
    /// work meanwhile.
    fn is_open(&mut self) -> bool {
        let now = self.poller.clock.now();
        if now >= self.ends_at {
            let trying = &self.trying;
            let slow = self.slow.get_or_insert_with(|| trying.clone());
            if now >= self.ends_at + LONGEST_DELAY || slow.is_disjoint(&self.trying) {
                return false;
            }
        }
        !self.is_closed && self.failed.is_none() && !self.poller.stop.is_cancelled()
    }

    /// Returns the claim to make now, if any.
    fn next_claim(&mut self, is_busy: bool) -> Option<Claim> {
        let is_time = self.looked_at.elapsed() >= LOOK_AGAIN && (is_busy || !self.backlog.is_empty());
        if is_time {
            self.backlog.look_again();
        }
        let streams: Vec<Stream> = self.streams.iter().map(|planned| planned.stream).collect();
        let limits = self.backlog.claim_limits(&streams);
        if limits.is_empty() && !is_time {
            return None;
        }
        self.looked_at = Instant::now();
        let runs = self.facts.iter().map(|(stream, facts)| (*stream, facts.run.clone())).collect();
        Some(Claim { limits, runs })
    }

    fn is_batch_due(&self, is_idle: bool) -> bool {
        !self.batch.is_empty() && (is_idle || self.batch.due_at().is_some_and(|at| at <= Instant::now()))
    }

    fn wake_at(&self) -> Instant {
        let look_at = self.looked_at + LOOK_AGAIN;
        self.batch.due_at().map_or(look_at, |at| at.min(look_at))
    }

    /// Returns the progress of the runs to write with the next save, once a second.
    fn progress_to_write(&mut self) -> Vec<PassProgress> {
        if self.written_at.elapsed() < JOURNAL_EVERY {
            return Vec::new();
        }
        self.written_at = Instant::now();
        std::mem::take(&mut self.progress).into_values().collect()
    }

    fn note_claimed(&mut self, claimed: Result<claiming::Claimed<'a>, StoreError>) {
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => return self.fail(error),
        };
        for (stream, run) in claimed.opened {
            self.facts.insert(stream, PassFacts::of_run(run));
        }
        for one in &claimed.tasks {
            self.renewal.add(&one.task);
        }
        self.backlog.add(claimed.tasks, &claimed.limits);
        let now = self.poller.clock.now();
        for paused in self.backlog.take(&claimed.paused) {
            self.batch.add(Finished::untried(paused, now));
        }
    }

    fn note_tried(&mut self, finished: Finished<'a>, tried: Tried) {
        let stream = finished.claimed.task.stream;
        self.trying.remove(&finished.claimed.task.key());
        self.backlog.end(stream);
        self.is_closed |= matches!(tried, Tried::Closed(_));
        if let Some(facts) = self.facts.get_mut(&stream) {
            facts.count(tried);
            if facts.is_halted() {
                self.backlog.close(stream);
            }
        }
        self.batch.add(finished);
    }

    fn note_saved(&mut self, saved: Result<(Vec<Kept>, Vec<PassProgress>), StoreError>) {
        let kept = match saved {
            Ok((kept, _)) => kept,
            Err(error) => return self.fail(error),
        };
        for one in kept {
            self.renewal.remove(one.key);
            if let Some(progress) = one.progress {
                let of_run = PassProgress { run_id: one.run_id, ..PassProgress::default() };
                self.progress.entry(one.run_id).or_insert(of_run).add(&progress);
                *self.totals.entry(one.run_id).or_default() += progress;
            }
            if let Some(facts) = self.facts.get_mut(&one.key.stream) {
                let rejected = one.progress.map_or(0, |progress| progress.rejected_count);
                facts.count_saved(one.is_new, rejected, one.failure);
            }
        }
        // newly known participants, and the remaining parts of a task, are due now
        self.backlog.look_again();
    }

    fn fail(&mut self, error: StoreError) {
        self.failed = self.failed.take().or(Some(error));
    }

    /// Opens the run of a stream.
    pub(super) async fn open(&mut self, stream: Stream) -> Result<(), StoreError> {
        let run = StreamRun::open(self.poller, self.source, stream).await?;
        self.facts.insert(stream, PassFacts::of_run(run));
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<Vec<StreamSummary>, StoreError> {
        let (pool, now) = (&self.poller.pool, self.poller.clock.now());
        let is_stopped = self.poller.stop.is_cancelled();
        let streams: Vec<Stream> = self.facts.keys().copied().collect();
        let owed = owed::list(pool, self.source.id, &streams).await?;
        let mut summaries = Vec::new();
        for (stream, facts) in std::mem::take(&mut self.facts) {
            let owed = owed.iter().filter(|one| one.stream == stream).cloned().collect();
            let missing_fields = facts.run.settle_fields(self.poller, self.source, stream).await?;
            let summary = facts.conclude(stream, is_stopped, owed, &missing_fields);
            let of_run = PassProgress { run_id: summary.run_id, ..PassProgress::default() };
            let progress = self.progress.remove(&summary.run_id).unwrap_or(of_run);
            journal::finish(pool, &progress, &summary.outcome, now).await?;
            run_ended(&Ended {
                source: self.source,
                stream,
                run_id: summary.run_id,
                outcome: &summary.outcome,
                pages: summary.tried,
                progress: self.totals.get(&summary.run_id).copied().unwrap_or_default(),
                lag_seconds: None,
                was_well: None,
                has_become_stale: false,
            });
            summaries.push(summary);
        }
        Ok(summaries)
    }
}
