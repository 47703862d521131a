//! A pass: the due tasks of one source, a few at a time, until none is left or the provider wants no more calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::connector::error::{Action, PullError};
use crate::ingest::artifact::PlannedStream;
use crate::ingest::artifact::attempt::{Attempt, Tried};
use crate::ingest::{Poller, Source};
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::journal::{self, PassEnd};
use crate::store::artifact::queue::{self, CLAIM_DURATION};
use crate::store::artifact::{SessionStream, Task};
use crate::store::run::Verdict;

/// Tasks in hand at once: a slow file takes one place of them.
const AT_ONCE: usize = 8;
/// A pass ends after this and the next begins, so that the journal shows what a long backlog is doing.
const LONGEST: TimeDelta = TimeDelta::minutes(5);
/// No single try takes longer; what it had is asked for again.
const LONGEST_TRY: Duration = Duration::from_mins(10);

/// How the work on one stream went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSummary {
    /// Which stream.
    pub stream: Stream,
    /// Its run in the journal.
    pub run_id: i64,
    /// How it ended.
    pub verdict: Verdict,
    /// Tasks tried.
    pub tried: u64,
    /// Tasks that brought something new.
    pub brought: u64,
    /// Tasks that failed; they are tried again by their calendar.
    pub failed: u64,
    /// The last failure: class and words.
    pub error: Option<(String, String)>,
    /// The provider wants no call before this.
    pub parked_until: Option<DateTime<Utc>>,
}

impl StreamSummary {
    /// Adds a later pass over the same stream.
    fn add(&mut self, later: Self) {
        self.tried += later.tried;
        self.brought += later.brought;
        self.failed += later.failed;
        if later.verdict != Verdict::Complete {
            (self.verdict, self.error, self.parked_until) = (later.verdict, later.error, later.parked_until);
        }
        self.run_id = later.run_id;
    }

    /// Whether the provider refused more than one artifact.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Failed)
    }
}

/// Works the due tasks of `streams` off. Returns one summary for each stream that had any.
pub async fn run(
    poller: &Poller,
    source: &Source,
    streams: &[PlannedStream],
) -> Result<Vec<StreamSummary>, StoreError> {
    let listed: Vec<SessionStream> = streams.iter().map(PlannedStream::listed).collect();
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let mut pass =
        Pass { poller, source, streams, summaries: BTreeMap::new(), closed: None, keeper: Keeper::start(poller) };
    let outcome = pass.work(&listed).await;
    let summaries = pass.finish().await?;
    outcome.map(|()| summaries)
}

/// Passes until nothing is due, or until the provider or the service wants no more. Returns one summary for each
/// stream.
pub async fn run_all(
    poller: &Poller,
    source: &Source,
    streams: &[PlannedStream],
) -> Result<Vec<StreamSummary>, StoreError> {
    let mut all: BTreeMap<Stream, StreamSummary> = BTreeMap::new();
    loop {
        let summaries = run(poller, source, streams).await?;
        let goes_on = !summaries.is_empty()
            && !poller.stop.is_cancelled()
            && summaries.iter().all(|one| matches!(one.verdict, Verdict::Complete | Verdict::Incomplete));
        for summary in summaries {
            match all.get_mut(&summary.stream) {
                Some(held) => held.add(summary),
                None => drop(all.insert(summary.stream, summary)),
            }
        }
        if !goes_on {
            return Ok(all.into_values().collect());
        }
    }
}

struct Pass<'a> {
    poller: &'a Poller,
    source: &'a Source,
    streams: &'a [PlannedStream],
    summaries: BTreeMap<Stream, StreamSummary>,
    /// The provider's word against further calls.
    closed: Option<PullError>,
    keeper: Keeper,
}

impl Pass<'_> {
    async fn work(&mut self, listed: &[SessionStream]) -> Result<(), StoreError> {
        let (poller, source) = (self.poller, self.source);
        let ends_at = poller.clock.now() + LONGEST;
        let mut in_hand: HashMap<Uuid, Task> = HashMap::new();
        let mut trying = FuturesUnordered::new();
        let mut failed = None;
        loop {
            let now = poller.clock.now();
            let is_open = self.closed.is_none() && failed.is_none() && !poller.stop.is_cancelled() && now < ends_at;
            if is_open && trying.len() < AT_ONCE {
                for task in queue::claim(&poller.pool, source.id, listed, now, AT_ONCE - trying.len()).await? {
                    let run_id = self.open(task.stream).await?;
                    let Some(planned) = self.streams.iter().find(|planned| planned.stream == task.stream) else {
                        continue;
                    };
                    let policy = &planned.policy;
                    self.keeper.hold(task.token());
                    in_hand.insert(task.token(), task.clone());
                    trying.push(async move {
                        let attempt = Attempt { poller, source, task: &task, policy, run_id };
                        let tried = tokio::time::timeout(LONGEST_TRY, attempt.run()).await;
                        (task.token(), task.stream, tried)
                    });
                }
            }
            tokio::select! {
                biased;
                () = poller.stop.cancelled() => break,
                next = trying.next() => match next {
                    None => break,
                    Some((token, stream, tried)) => {
                        self.keeper.let_go(token);
                        in_hand.remove(&token);
                        match tried {
                            Ok(Ok(tried)) => self.count(stream, tried),
                            Ok(Err(error)) => failed = failed.or(Some(error)),
                            // its claim runs out by itself
                            Err(_) => self.fail(stream, "transient", "a try took too long"),
                        }
                    }
                }
            }
        }
        drop(trying);
        // what was in hand when the service was told to stop is nobody's
        for task in in_hand.values() {
            queue::give_back(&poller.pool, task, poller.clock.now()).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn open(&mut self, stream: Stream) -> Result<i64, StoreError> {
        if let Some(summary) = self.summaries.get(&stream) {
            return Ok(summary.run_id);
        }
        let run_id = journal::start(&self.poller.pool, self.source.id, stream, self.poller.clock.now()).await?;
        let summary = StreamSummary {
            stream,
            run_id,
            verdict: Verdict::Complete,
            tried: 0,
            brought: 0,
            failed: 0,
            error: None,
            parked_until: None,
        };
        self.summaries.insert(stream, summary);
        Ok(run_id)
    }

    fn count(&mut self, stream: Stream, tried: Tried) {
        match tried {
            Tried::Decided { failure, is_new } => {
                if let Some(summary) = self.summaries.get_mut(&stream) {
                    summary.tried += 1;
                    summary.brought += u64::from(is_new);
                }
                if let Some((class, detail)) = failure {
                    self.fail(stream, &class, &detail);
                }
            }
            Tried::Closed(error) => {
                if let Some(summary) = self.summaries.get_mut(&stream) {
                    let is_wait = error.kind.policy().action == Action::WaitUntil;
                    summary.verdict = if is_wait { Verdict::RateLimited } else { Verdict::Failed };
                    summary.error = Some((error.kind.policy().class.to_owned(), error.to_string()));
                    summary.parked_until = error.retry_at();
                }
                self.closed.get_or_insert(error);
            }
        }
    }

    fn fail(&mut self, stream: Stream, class: &str, detail: &str) {
        if let Some(summary) = self.summaries.get_mut(&stream) {
            summary.failed += 1;
            summary.error = Some((class.to_owned(), detail.to_owned()));
            if summary.verdict == Verdict::Complete {
                summary.verdict = Verdict::Incomplete;
            }
        }
    }

    async fn finish(self) -> Result<Vec<StreamSummary>, StoreError> {
        let (pool, now) = (&self.poller.pool, self.poller.clock.now());
        let is_stopped = self.poller.stop.is_cancelled();
        let mut summaries = Vec::new();
        for mut summary in self.summaries.into_values() {
            if is_stopped && summary.verdict == Verdict::Complete {
                summary.verdict = Verdict::Cancelled;
            }
            let reason = match summary.verdict {
                Verdict::Incomplete => Some(format!(
                    "{} of {} sessions could not be fetched; they are tried again by themselves",
                    summary.failed, summary.tried
                )),
                Verdict::Cancelled => Some("the service was stopped; the next pass goes on".to_owned()),
                Verdict::RateLimited | Verdict::Failed => {
                    self.closed.as_ref().map(|error| error.kind.policy().advice.to_owned())
                }
                Verdict::Complete => None,
            };
            let end = PassEnd { verdict: summary.verdict, reason, error: summary.error.clone() };
            journal::finish(pool, summary.run_id, &end, now).await?;
            tracing::info!(
                source = %self.source.slug,
                stream = %summary.stream,
                run_id = summary.run_id,
                verdict = summary.verdict.as_str(),
                tried = summary.tried,
                brought = summary.brought,
                failed = summary.failed,
                "pass ended"
            );
            summaries.push(summary);
        }
        Ok(summaries)
    }
}

/// Renews the claims in hand. One that cannot be renewed costs at most work done twice: whoever saves compares
/// the claim.
struct Keeper {
    held: Arc<Mutex<Vec<Uuid>>>,
    task: JoinHandle<()>,
}

impl Keeper {
    fn start(poller: &Poller) -> Self {
        let held: Arc<Mutex<Vec<Uuid>>> = Arc::default();
        let (pool, shared) = (poller.pool.clone(), Arc::clone(&held));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(CLAIM_DURATION / 3);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let tokens = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Err(error) = queue::renew(&pool, &tokens).await {
                    tracing::warn!(error = ?error, "claims could not be renewed");
                }
            }
        });
        Self { held, task }
    }

    fn hold(&self, token: Uuid) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(token);
    }

    fn let_go(&self, token: Uuid) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| *held != token);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
