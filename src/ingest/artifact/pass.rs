//! A pass: the due tasks of one source, a few at a time, until none is left or the provider wants no more calls.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use uuid::Uuid;

use crate::connector::ArtifactPolicy;
use crate::ingest::artifact::PlannedStream;
use crate::ingest::artifact::attempt::{Attempt, Tried};
use crate::ingest::artifact::keeper::Keeper;
use crate::ingest::artifact::retry_schedule::{LEAST_TRIES, LONGEST_QUICK};
pub use crate::ingest::artifact::summary::StreamSummary;
use crate::ingest::{Poller, Source};
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::journal::{self, PassEnd};
use crate::store::artifact::{SessionStream, Task, owed, queue};
use crate::store::run::Verdict;

/// Tasks in hand at once: a slow file takes one place of them.
const AT_ONCE: usize = 8;
/// Of these, places of one stream: a provider that hangs on one kind of call keeps no other from being made.
const AT_ONCE_OF_A_STREAM: usize = 5;
/// Tasks claimed at once: few, so that the limit above holds.
const CLAIMED_AT_ONCE: usize = 2;
/// While places are free, it is looked so often whether something has come due.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// A pass ends after this and the next begins, so that the journal shows what a long backlog is doing.
const LONGEST: TimeDelta = TimeDelta::minutes(5);
/// A pass whose last tries are slow goes on for so long, so that they do not keep the others waiting.
const LONGEST_DELAY: TimeDelta = TimeDelta::minutes(10);

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
    let mut pass = Pass::new(poller, source, streams);
    let outcome = pass.work(&listed).await;
    let summaries = pass.finish().await?;
    outcome.map(|()| summaries)
}

/// Passes until nothing is due, or until the provider or the service wants no more. What failed is tried again within
/// the same call, seconds later. Returns one summary for each stream that had tasks to try or owes something.
pub async fn run_all(
    poller: &Poller,
    source: &Source,
    streams: &[PlannedStream],
) -> Result<Vec<StreamSummary>, StoreError> {
    let mut all: BTreeMap<Stream, StreamSummary> = BTreeMap::new();
    let names: Vec<Stream> = streams.iter().map(|planned| planned.stream).collect();
    owed::make_due(&poller.pool, source.id, &names, LEAST_TRIES, poller.clock.now()).await?;
    let mut streams = streams.to_vec();
    loop {
        let summaries = run(poller, source, &streams).await?;
        // a stream that is refused keeps no other from being worked off
        streams.retain(|planned| !summaries.iter().any(|one| one.stream == planned.stream && one.is_refused()));
        let goes_on = !poller.stop.is_cancelled()
            && summaries.iter().all(|one| !matches!(one.verdict, Verdict::RateLimited | Verdict::Cancelled))
            && (!summaries.is_empty() || wait_for_quick_tries(poller, source, &streams).await?);
        for summary in summaries {
            match all.get_mut(&summary.stream) {
                Some(held) => held.add(summary),
                None => drop(all.insert(summary.stream, summary)),
            }
        }
        if !goes_on {
            break;
        }
    }
    for owed in owed::list(&poller.pool, source.id, &names).await? {
        if !all.contains_key(&owed.stream) {
            all.insert(owed.stream, report_owed(poller, source, owed.stream).await?);
        }
    }
    Ok(all.into_values().collect())
}

/// Waits until all tasks are due that were tried in vain and are tried again within seconds; `false` where there is none.
async fn wait_for_quick_tries(poller: &Poller, source: &Source, streams: &[PlannedStream]) -> Result<bool, StoreError> {
    let names: Vec<Stream> = streams.iter().map(|planned| planned.stream).collect();
    let now = poller.clock.now();
    let due_at = owed::quick_tries_due_at(&poller.pool, source.id, &names, (now, now + LONGEST_QUICK)).await?;
    let Some(wait) = due_at.and_then(|due_at| (due_at - now).to_std().ok()) else { return Ok(false) };
    tokio::select! {
        () = poller.stop.cancelled() => Ok(false),
        () = poller.clock.sleep(wait) => Ok(true),
    }
}

/// A run of a stream that owes something of which nothing is due: it says so and ends incomplete.
async fn report_owed(poller: &Poller, source: &Source, stream: Stream) -> Result<StreamSummary, StoreError> {
    let mut pass = Pass::new(poller, source, &[]);
    pass.open(stream).await?;
    let summaries = pass.finish().await?;
    Ok(summaries.into_iter().next().unwrap_or_else(|| StreamSummary::new(stream, 0)))
}

/// Does `work` while the tries go on: one of them may hold the connection to the database that this waits for.
async fn beside<T, F: Future>(
    work: impl Future<Output = T>,
    trying: &mut FuturesUnordered<F>,
    done: &mut Vec<F::Output>,
) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            answer = &mut work => return answer,
            Some(tried) = trying.next(), if !trying.is_empty() => done.push(tried),
        }
    }
}

struct Pass<'a> {
    poller: &'a Poller,
    source: &'a Source,
    streams: &'a [PlannedStream],
    summaries: BTreeMap<Stream, StreamSummary>,
    /// The provider wants no more calls.
    is_closed: bool,
    keeper: Keeper,
}

impl<'a> Pass<'a> {
    fn new(poller: &'a Poller, source: &'a Source, streams: &'a [PlannedStream]) -> Self {
        Self { poller, source, streams, summaries: BTreeMap::new(), is_closed: false, keeper: Keeper::start(poller) }
    }

    async fn work(&mut self, listed: &[SessionStream]) -> Result<(), StoreError> {
        let (poller, source) = (self.poller, self.source);
        let ends_at = poller.clock.now() + LONGEST;
        let mut in_hand: HashMap<Uuid, Task> = HashMap::new();
        let mut slow: Option<HashSet<Uuid>> = None;
        let mut trying = FuturesUnordered::new();
        let mut done = Vec::new();
        let mut failed = None;
        loop {
            let now = poller.clock.now();
            // at its end a pass waits for what is in hand, and works on meanwhile
            let slow = (now >= ends_at).then(|| slow.get_or_insert_with(|| in_hand.keys().copied().collect()));
            let is_over = slow.is_some_and(|slow| {
                now >= ends_at + LONGEST_DELAY || !slow.iter().any(|token| in_hand.contains_key(token))
            });
            let is_open = !is_over && !self.is_closed && failed.is_none() && !poller.stop.is_cancelled();
            while is_open && trying.len() < AT_ONCE {
                let claimed = beside(self.claim(listed, &in_hand, now), &mut trying, &mut done).await?;
                for tried in done.drain(..) {
                    self.note(tried, &mut in_hand, &mut failed);
                }
                if claimed.is_empty() {
                    break;
                }
                for (task, policy, run_id) in claimed {
                    self.keeper.hold(task.token());
                    in_hand.insert(task.token(), task.clone());
                    let is_usual_absence = self.summaries.get(&task.stream).is_some_and(StreamSummary::is_absence_usual);
                    trying.push(async move {
                        let attempt = Attempt { poller, source, task: &task, policy, run_id, is_usual_absence };
                        (task.token(), task.stream, attempt.run_guarded().await)
                    });
                }
            }
            let has_room = is_open && !trying.is_empty() && trying.len() < AT_ONCE;
            tokio::select! {
                biased;
                () = poller.stop.cancelled() => break,
                next = trying.next() => match next {
                    None => break,
                    Some(tried) => self.note(tried, &mut in_hand, &mut failed),
                },
                // what comes due meanwhile does not wait for a slow file
                () = tokio::time::sleep(LOOK_AGAIN), if has_room => {}
            }
        }
        drop(trying);
        // what was in hand when the service was told to stop is nobody's
        for task in in_hand.values() {
            queue::give_back(&poller.pool, task, poller.clock.now()).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes in how a try ended.
    fn note(
        &mut self,
        (token, stream, tried): (Uuid, Stream, Result<Tried, StoreError>),
        in_hand: &mut HashMap<Uuid, Task>,
        failed: &mut Option<StoreError>,
    ) {
        self.keeper.let_go(token);
        in_hand.remove(&token);
        match tried {
            Ok(tried) => self.count(stream, &tried),
            Err(error) => *failed = failed.take().or(Some(error)),
        }
    }

    /// Some more to do, of the streams that still have a place.
    async fn claim(
        &mut self,
        listed: &[SessionStream],
        in_hand: &HashMap<Uuid, Task>,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Task, &'a ArtifactPolicy, i64)>, StoreError> {
        let has_place = |stream: Stream| {
            let is_refused = self.summaries.get(&stream).is_some_and(StreamSummary::is_refused);
            let taken = in_hand.values().filter(|task| task.stream == stream).count();
            !is_refused && taken < AT_ONCE_OF_A_STREAM.min(AT_ONCE)
        };
        let listed: Vec<SessionStream> = listed.iter().copied().filter(|one| has_place(one.stream)).collect();
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let limit = CLAIMED_AT_ONCE.min(AT_ONCE - in_hand.len());
        let mut claimed = Vec::new();
        let Poller { pool, lease_duration, .. } = self.poller;
        for task in queue::claim(pool, self.source.id, &listed, *lease_duration, now, limit).await? {
            let run_id = self.open(task.stream).await?;
            if let Some(planned) = self.streams.iter().find(|planned| planned.stream == task.stream) {
                claimed.push((task, &planned.policy, run_id));
            }
        }
        Ok(claimed)
    }

    async fn open(&mut self, stream: Stream) -> Result<i64, StoreError> {
        if let Some(summary) = self.summaries.get(&stream) {
            return Ok(summary.run_id);
        }
        let run_id = journal::start(&self.poller.pool, self.source.id, stream, self.poller.clock.now()).await?;
        self.summaries.insert(stream, StreamSummary::new(stream, run_id));
        Ok(run_id)
    }

    fn count(&mut self, stream: Stream, tried: &Tried) {
        self.is_closed |= matches!(tried, Tried::Closed(_));
        if let Some(summary) = self.summaries.get_mut(&stream) {
            summary.count(tried);
        }
    }

    async fn finish(self) -> Result<Vec<StreamSummary>, StoreError> {
        let (pool, now) = (&self.poller.pool, self.poller.clock.now());
        let is_stopped = self.poller.stop.is_cancelled();
        let streams: Vec<Stream> = self.summaries.keys().copied().collect();
        let owed = owed::list(pool, self.source.id, &streams).await?;
        let mut summaries = Vec::new();
        for mut summary in self.summaries.into_values() {
            summary.conclude(is_stopped, owed.iter().filter(|one| one.stream == summary.stream).cloned().collect());
            let reason = summary.reason();
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
