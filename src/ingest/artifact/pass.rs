//! A pass: processes the due tasks of one source, a few at a time, until none is left or the provider allows no
//! more calls.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::ingest::artifact::dispatch::Pass;
use crate::ingest::artifact::retry_schedule::{LEAST_TRIES, LONGEST_QUICK};
use crate::ingest::artifact::summary::PassFacts;
pub use crate::ingest::artifact::summary::StreamSummary;
use crate::ingest::poller::{PlannedStream, Poller, Source};
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::{missing_field, owed};
use crate::store::run::Verdict;

/// Processes the due tasks of `streams`. Returns one summary for each stream that had any.
pub async fn run(
    poller: &Poller,
    source: &Source,
    streams: &[PlannedStream],
) -> Result<Vec<StreamSummary>, StoreError> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let mut pass = Pass::new(poller, source, streams);
    let outcome = pass.work().await;
    let summaries = pass.finish().await?;
    outcome.map(|()| summaries)
}

/// Runs passes until nothing is due, or until the provider or the service stops them. Retries failed tasks within
/// the same call, seconds later. Returns one summary for each stream that had tasks to try, has overdue artifacts, or
/// lacks a documented field.
pub async fn run_all(
    poller: &Poller,
    source: &Source,
    streams: &[PlannedStream],
) -> Result<Vec<StreamSummary>, StoreError> {
    let mut all: BTreeMap<Stream, StreamSummary> = BTreeMap::new();
    let names: Vec<Stream> = streams.iter().map(|planned| planned.stream).collect();
    owed::make_due(&poller.pool, source.id, &names, LEAST_TRIES, poller.clock.now()).await?;
    missing_field::look_again_now(&poller.pool, source.id, &names, &source.dropped_fields, poller.clock.now()).await?;
    let mut streams = streams.to_vec();
    loop {
        let summaries = run(poller, source, &streams).await?;
        // a refused stream does not stop the others
        streams.retain(|planned| !summaries.iter().any(|one| one.stream == planned.stream && one.is_refused()));
        let goes_on = !poller.stop.is_cancelled()
            && summaries.iter().all(|one| !matches!(one.outcome.verdict, Verdict::RateLimited | Verdict::Cancelled))
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
    let owed = owed::list(&poller.pool, source.id, &names).await?.into_iter().map(|owed| owed.stream);
    let lacking = missing_field::streams_lacking(&poller.pool, source.id, &names, &source.dropped_fields).await?;
    for stream in owed.chain(lacking) {
        if let Entry::Vacant(unreported) = all.entry(stream) {
            unreported.insert(report(poller, source, stream).await?);
        }
    }
    Ok(all.into_values().collect())
}

/// Waits until all tasks are due that failed and are retried within seconds; `false` where there are none.
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

/// Opens and ends a run as incomplete for a stream that still owes artifacts or lacks a field, where none is due.
async fn report(poller: &Poller, source: &Source, stream: Stream) -> Result<StreamSummary, StoreError> {
    let mut pass = Pass::new(poller, source, &[]);
    pass.open(stream).await?;
    let summaries = pass.finish().await?;
    Ok(summaries.into_iter().next().unwrap_or_else(|| PassFacts::default().conclude(stream, false, Vec::new(), &[])))
}
