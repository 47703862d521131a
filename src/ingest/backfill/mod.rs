//! Backfill: past ranges are read again, and the units of all plans are processed.
//!
//! A backfill ([`planning`]) or a reconciliation ([`crate::ingest::reconcile`]) is planned once as units in the
//! database, and processed by any free worker: the command that requested it, and every poller of the source. A unit is
//! read by the ordinary walk, under its own claim, with calls of the lowest priority in the budget. The live position
//! belongs to the poller and is not touched; a range that a unit proves is recorded as proven.

pub mod planning;
mod unit;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::ingest::backfill::unit::Worked;
use crate::ingest::poller::{Poller, Source};
use crate::ingest::reconcile::planning::{self as reconciliation, States};
use crate::ingest::write_retry::persist;
use crate::model::stream::Stream;
use crate::store::backfill::{Backfill, BackfillState, claim, state};
use crate::store::operation::Operator;
use crate::store::{StoreError, StreamKey};

/// Interval at which a poller looks for past units.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Interval at which a waiting command checks whether others are done.
const WAIT_FOR_OTHERS: Duration = Duration::from_millis(300);
/// Number of tries in a row that did not reach the provider, after which it counts as unavailable.
const MAX_OUTAGES_IN_A_ROW: u32 = 3;

/// The reason for ending work on a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is left for this worker; holds the state of the backfill.
    Over(BackfillState),
    /// The worker was stopped.
    Stopped,
    /// An operator paused the stream as a whole.
    StreamPaused,
    /// The provider prevents further work; holds the reason.
    GaveUp(String),
}

/// Processes a backfill with `lanes` units at a time. With `waits_for_others`, it also waits for units that other
/// workers hold or that are not due yet.
pub async fn work_off(
    poller: &Poller,
    source: &Source,
    backfill: &Backfill,
    lanes: usize,
    waits_for_others: bool,
) -> Result<Ended, StoreError> {
    let lanes = (0..lanes.max(1)).map(|_| lane(poller, source, backfill, waits_for_others));
    let mut ended = Ok(Ended::Over(BackfillState::Running));
    for lane in join_all(lanes).await {
        // a lane that gave up or failed has a more useful result than one that found nothing left
        if !matches!(ended, Ok(Ended::GaveUp(_)) | Err(_)) {
            ended = lane;
        }
    }
    if let Ok(Ended::GaveUp(reason)) = &ended {
        state::fail(&poller.pool, backfill.backfill_id, reason, poller.clock.now()).await?;
    }
    ended
}

async fn lane(
    poller: &Poller,
    source: &Source,
    backfill: &Backfill,
    waits_for_others: bool,
) -> Result<Ended, StoreError> {
    let mut outages_in_a_row = 0;
    loop {
        if poller.stop.is_cancelled() {
            return Ok(Ended::Stopped);
        }
        let claim = || claim::claim(&poller.pool, backfill, &poller.owner, poller.clock.now());
        let claimed = persist(poller, source, &poller.stop, claim).await?;
        let Some(claimed) = claimed else {
            let found = state::find(&poller.pool, backfill.backfill_id).await?;
            let state = found.map_or(BackfillState::Cancelled, |found| found.state);
            if state != BackfillState::Running || !waits_for_others {
                return Ok(Ended::Over(state));
            }
            if state::is_stream_paused(&poller.pool, backfill.stream_key).await? {
                return Ok(Ended::StreamPaused);
            }
            tokio::select! {
                () = poller.stop.cancelled() => {}
                () = sleep(WAIT_FOR_OTHERS) => {}
            }
            continue;
        };
        // boxed: the state of a unit is large, and a lane holds it across its waits
        match Box::pin(unit::work_on(poller, source, backfill, &claimed)).await? {
            Worked::On => outages_in_a_row = 0,
            Worked::Outage(_) if outages_in_a_row + 1 < MAX_OUTAGES_IN_A_ROW => outages_in_a_row += 1,
            Worked::Outage(reason) | Worked::GaveUp(reason) => return Ok(Ended::GaveUp(reason)),
        }
    }
}

/// Runs a poller's share: reconciles the source when it is due, and processes units that others have planned.
pub(super) async fn work(poller: Arc<Poller>, source: Arc<Source>) {
    let mut could_look = true;
    loop {
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = sleep(LOOK_EVERY) => {}
        }
        // a task of its own, so that a panic costs one lookup and not the worker
        let (looking, at) = (Arc::clone(&poller), Arc::clone(&source));
        match tokio::spawn(async move { look(&looking, &at).await }).await {
            Ok(Ok(())) => could_look = true,
            Ok(Err(error)) => {
                // once for each outage of the database
                if std::mem::take(&mut could_look) {
                    tracing::warn!(source = %source.slug, cause = error.cause(),
                        "no backfill could be looked for or planned; this is tried again");
                }
            }
            Err(error) => tracing::error!(source = %source.slug, error = %error, "the backfill worker crashed"),
        }
    }
}

async fn look(poller: &Poller, source: &Source) -> Result<(), StoreError> {
    let stream_key = StreamKey { source_id: source.id, stream: Stream::Sessions };
    if is_due(poller, source, stream_key).await? {
        let operator = Operator { requested_by: format!("schedule of {}", poller.owner), request_id: None };
        let proven = reconciliation::reconcilable(poller, source).await?;
        reconciliation::plan_reconciliation(poller, source, &proven, States::Due, &operator).await?;
    }
    for backfill_id in state::running(&poller.pool, stream_key).await? {
        let Some(backfill) = state::find(&poller.pool, backfill_id).await? else { continue };
        match work_off(poller, source, &backfill, 1, false).await {
            Ok(ended) => {
                tracing::info!(source = %source.slug, backfill_id, purpose = backfill.purpose.as_str(), ended = ?ended, "worked on a backfill");
            }
            Err(error) => {
                tracing::error!(source = %source.slug, backfill_id, error = ?error, "a backfill could not be continued");
            }
        }
    }
    Ok(())
}

/// Whether an instant of the schedule has passed since the last reconciliation, scheduled or manual.
async fn is_due(poller: &Poller, source: &Source, stream_key: StreamKey) -> Result<bool, StoreError> {
    let schedule = source.reconcile_schedule.as_deref().and_then(|text| crate::clock::parse_schedule(text).ok());
    let Some(schedule) = schedule else { return Ok(false) };
    let Some(last) = state::last_reconciled(&poller.pool, stream_key).await? else { return Ok(false) };
    let next = schedule.find_next_occurrence(&last, false);
    Ok(next.is_ok_and(|next| next <= poller.clock.now()))
}
