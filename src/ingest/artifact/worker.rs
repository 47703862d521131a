//! The worker that processes a source's task queue while the service runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::ingest::artifact::pass;
use crate::ingest::artifact::summary::StreamSummary;
use crate::ingest::poller::{PlannedStream, Poller, Source};
use crate::model::stream::Stream;
use crate::store::artifact::task::SessionStream;
use crate::store::artifact::{enqueue, queue};
use crate::store::control;

/// Longest sleep: tasks enqueued by other instances or by lists are found after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Shortest sleep between two passes.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// Sleep after a pass that a database error cut short.
const AFTER_TROUBLE: Duration = Duration::from_secs(15);
/// First pause of a refused stream; it doubles with each further refusal,
const SHORTEST_REST: Duration = Duration::from_secs(15);
/// up to this.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// Processes due tasks until the service stops. Separate from the worker of the lists, so that no file delays a
/// list. `bell` wakes it when an operator requests a stream now.
pub(in crate::ingest) async fn work(poller: Arc<Poller>, source: Arc<Source>, bell: Arc<Notify>) {
    let listed: Vec<SessionStream> = source.queued_streams();
    let mut sleep = SHORTEST_SLEEP.mul_f64(poller.dice.unit());
    let mut is_enqueued = false;
    let mut rests = Rests::default();
    loop {
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = bell.notified() => rests.end_what_is_wanted(&poller, &source).await,
            () = tokio::time::sleep(sleep) => {}
        }
        if !is_enqueued {
            match enqueue::enqueue_stored(&poller.pool, source.id, &listed, poller.clock.now()).await {
                Ok(()) => is_enqueued = true,
                Err(error) => {
                    tracing::error!(source = %source.slug, error = ?error, "stored sessions were not enqueued");
                    sleep = AFTER_TROUBLE;
                    continue;
                }
            }
        }
        // claims skip paused streams; this only keeps them from waking the worker
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
                let awake: Vec<SessionStream> = awake.map(PlannedStream::queued).collect();
                until_next(&poller, &source, &awake, &summaries).await
            }
            Ok(Err(error)) => {
                tracing::error!(source = %source.slug, error = ?error, "a pass ended with a database error");
                AFTER_TROUBLE
            }
            Err(error) => {
                tracing::error!(source = %source.slug, error = %error, "a pass crashed");
                AFTER_TROUBLE
            }
        };
    }
}

/// Streams that are paused for a while because the provider refuses their calls.
#[derive(Default)]
struct Rests(BTreeMap<Stream, (Instant, Duration)>);

impl Rests {
    fn is_resting(&self, stream: Stream) -> bool {
        self.0.get(&stream).is_some_and(|(until, _)| *until > Instant::now())
    }

    /// Ends the pause of streams that an operator requests now.
    async fn end_what_is_wanted(&mut self, poller: &Poller, source: &Source) {
        let streams: Vec<Stream> = source.session_streams.iter().map(|planned| planned.stream).collect();
        match control::take_due(&poller.pool, source.id, &streams).await {
            Ok(wanted) => self.0.retain(|stream, _| !wanted.contains(stream)),
            Err(error) => tracing::debug!(cause = error.cause(), "requests to run now could not be taken"),
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
    let parked_until: Option<DateTime<Utc>> = summaries.iter().filter_map(|summary| summary.outcome.parked_until).max();
    if let Some(until) = parked_until.filter(|until| *until > now) {
        return (until - now).to_std().unwrap_or_default().max(SHORTEST_SLEEP);
    }
    // due tasks that were not claimed wait for something else, or another instance has claimed them
    if summaries.is_empty() {
        return LONGEST_SLEEP;
    }
    let next = queue::next_due_at(&poller.pool, source.id, listed).await.ok().flatten();
    let sleep = next.map_or(LONGEST_SLEEP, |next| (next - now).to_std().unwrap_or_default());
    sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
}
