//! The worker that keeps at a source's work list while the service runs.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ingest::artifact::PlannedStream;
use crate::ingest::artifact::pass::{self, StreamSummary};
use crate::ingest::{Poller, Source};
use crate::store::artifact::{SessionStream, queue};

/// Longest sleep: what other instances or the lists enlist is found after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Shortest sleep between two passes.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// Sleep after a pass that the database cut short.
const AFTER_TROUBLE: Duration = Duration::from_secs(15);

/// Works off what is due, again and again, until the service stops. Apart from the lists' worker, so that no file
/// keeps a list waiting.
pub(in crate::ingest) async fn work(poller: Arc<Poller>, source: Arc<Source>) {
    let streams: Arc<[PlannedStream]> = source.session_streams.as_slice().into();
    let listed: Vec<SessionStream> = streams.iter().map(PlannedStream::listed).collect();
    let mut sleep = SHORTEST_SLEEP.mul_f64(poller.dice.unit());
    let mut is_enlisted = false;
    loop {
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = tokio::time::sleep(sleep) => {}
        }
        if !is_enlisted {
            match queue::enlist_stored(&poller.pool, source.id, &listed, poller.clock.now()).await {
                Ok(()) => is_enlisted = true,
                Err(error) => {
                    tracing::error!(source = %source.slug, error = ?error, "stored sessions were not enlisted");
                    sleep = AFTER_TROUBLE;
                    continue;
                }
            }
        }
        // a task of its own, so that a panic costs one pass and not the worker
        let run = {
            let (poller, source, streams) = (Arc::clone(&poller), Arc::clone(&source), Arc::clone(&streams));
            tokio::spawn(async move { pass::run(&poller, &source, &streams).await })
        };
        sleep = match run.await {
            Ok(Ok(summaries)) => {
                let parked_until = summaries.iter().filter_map(|summary| summary.parked_until).max();
                let is_refused = parked_until.is_none() && summaries.iter().any(StreamSummary::is_refused);
                if is_refused { AFTER_TROUBLE } else { until_next(&poller, &source, &listed, parked_until).await }
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

async fn until_next(
    poller: &Poller,
    source: &Source,
    listed: &[SessionStream],
    parked_until: Option<DateTime<Utc>>,
) -> Duration {
    let now = poller.clock.now();
    if let Some(until) = parked_until.filter(|until| *until > now) {
        return (until - now).to_std().unwrap_or_default().max(SHORTEST_SLEEP);
    }
    let next = queue::next_due_at(&poller.pool, source.id, listed).await.ok().flatten();
    let sleep = next.map_or(LONGEST_SLEEP, |next| (next - now).to_std().unwrap_or_default());
    sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
}
