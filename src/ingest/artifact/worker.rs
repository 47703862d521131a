//! The worker that keeps at a source's work list while the service runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::ingest::artifact::PlannedStream;
use crate::ingest::artifact::pass::{self, StreamSummary};
use crate::ingest::{Poller, Source};
use crate::model::stream::Stream;
use crate::store::artifact::{self, SessionStream, queue};
use crate::store::control;

/// Longest sleep: what other instances or the lists enlist is found after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Shortest sleep between two passes.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// Sleep after a pass that the database cut short.
const AFTER_TROUBLE: Duration = Duration::from_secs(15);
/// A stream that was refused rests for so long, then twice as long, and so on,
const SHORTEST_REST: Duration = Duration::from_secs(15);
/// up to this.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// Works off what is due, again and again, until the service stops. Apart from the lists' worker, so that no file
/// keeps a list waiting. `bell` wakes it when an operator wants something fetched now.
pub(in crate::ingest) async fn work(poller: Arc<Poller>, source: Arc<Source>, bell: Arc<Notify>) {
    let listed: Vec<SessionStream> = source.session_streams.iter().map(PlannedStream::listed).collect();
    let mut sleep = SHORTEST_SLEEP.mul_f64(poller.dice.unit());
    let mut is_enlisted = false;
    let mut rests = Rests::default();
    loop {
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = bell.notified() => rests.end_what_is_wanted(&poller, &source).await,
            () = tokio::time::sleep(sleep) => {}
        }
        if !is_enlisted {
            match artifact::enlist_stored(&poller.pool, source.id, &listed, poller.clock.now()).await {
                Ok(()) => is_enlisted = true,
                Err(error) => {
                    tracing::error!(source = %source.slug, error = ?error, "stored sessions were not enlisted");
                    sleep = AFTER_TROUBLE;
                    continue;
                }
            }
        }
        // what is paused is claimed by nobody; here it only must not keep the worker awake
        let paused = control::paused(&poller.pool, source.id).await.unwrap_or_default();
        let is_idle = |stream: Stream| rests.is_resting(stream) || paused.contains(&stream);
        let streams: Vec<PlannedStream> =
            source.session_streams.iter().copied().filter(|planned| !is_idle(planned.stream)).collect();
        // a task of its own, so that a panic costs one pass and not the worker
        let run = {
            let (poller, source, streams) = (Arc::clone(&poller), Arc::clone(&source), streams.clone());
            tokio::spawn(async move { pass::run(&poller, &source, &streams).await })
        };
        sleep = match run.await {
            Ok(Ok(summaries)) => {
                for summary in &summaries {
                    rests.note(summary);
                }
                let awake = streams.iter().filter(|planned| !rests.is_resting(planned.stream));
                let awake: Vec<SessionStream> = awake.map(PlannedStream::listed).collect();
                until_next(&poller, &source, &awake, &summaries).await
            }
            Ok(Err(error)) => {
                tracing::error!(source = %source.slug, error = ?error, "a pass ended at the database");
                AFTER_TROUBLE
            }
            Err(error) => {
                tracing::error!(source = %source.slug, error = %error, "a pass crashed");
                AFTER_TROUBLE
            }
        };
    }
}

/// The streams that are left alone for a while because the provider refuses their calls.
#[derive(Default)]
struct Rests(BTreeMap<Stream, (Instant, Duration)>);

impl Rests {
    fn is_resting(&self, stream: Stream) -> bool {
        self.0.get(&stream).is_some_and(|(until, _)| *until > Instant::now())
    }

    /// What an operator wants fetched now rests no longer.
    async fn end_what_is_wanted(&mut self, poller: &Poller, source: &Source) {
        let streams: Vec<Stream> = source.session_streams.iter().map(|planned| planned.stream).collect();
        match control::take_due(&poller.pool, source.id, &streams).await {
            Ok(wanted) => self.0.retain(|stream, _| !wanted.contains(stream)),
            Err(error) => tracing::debug!(cause = error.cause(), "what is to run now could not be taken"),
        }
    }

    fn note(&mut self, summary: &StreamSummary) {
        if !summary.is_refused() {
            self.0.remove(&summary.stream);
            return;
        }
        let before = self.0.get(&summary.stream).map(|(_, rest)| *rest);
        let rest = before.map_or(SHORTEST_REST, |rest| (rest * 2).min(LONGEST_REST));
        self.0.insert(summary.stream, (Instant::now() + rest, rest));
    }
}

async fn until_next(
    poller: &Poller,
    source: &Source,
    listed: &[SessionStream],
    summaries: &[StreamSummary],
) -> Duration {
    let now = poller.clock.now();
    let parked_until: Option<DateTime<Utc>> = summaries.iter().filter_map(|summary| summary.parked_until).max();
    if let Some(until) = parked_until.filter(|until| *until > now) {
        return (until - now).to_std().unwrap_or_default().max(SHORTEST_SLEEP);
    }
    // what is due and was not taken waits for something else, or is in another instance's hands
    if summaries.is_empty() {
        return LONGEST_SLEEP;
    }
    let next = queue::next_due_at(&poller.pool, source.id, listed).await.ok().flatten();
    let sleep = next.map_or(LONGEST_SLEEP, |next| (next - now).to_std().unwrap_or_default());
    sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
}
