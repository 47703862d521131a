//! Which range of time a run covers.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::{FACT_FILTER_MEANING, OpenSet, StreamPolicy};
use crate::ingest::{Poller, Source};
use crate::model::stream::Stream;
use crate::model::time::{Window, to_micros};
use crate::store::open_set::{self, OpenRange};
use crate::store::{StoreError, run as journal, source as facts, window};

/// No range is shorter than this.
const SHORTEST: TimeDelta = TimeDelta::minutes(1);
/// Open sessions younger than this are listed again by every run.
const RECENT: TimeDelta = TimeDelta::hours(24);
/// Older open sessions are listed again this often.
const RELIST_EVERY: TimeDelta = TimeDelta::hours(1);

/// From a little before what is proven complete (or the oldest session that can still change, where
/// changes are found by listing) up to the present.
pub(super) async fn target(
    poller: &Poller,
    source: &Source,
    stream: Stream,
    policy: &StreamPolicy,
) -> Result<Window, StoreError> {
    let to = to_micros(poller.clock.now());
    let complete = window::complete_through(&poller.pool, source.id, stream).await?;
    let from = complete.map_or(source.history_from, |complete| complete - policy.overlap);
    // a clock that was set back must not turn the range around, and nothing older than the history is asked for
    let from = from.min(to - policy.overlap).max(source.history_from).min(to - SHORTEST);
    let from = match policy.open_set {
        OpenSet::ByListing { max_age, settling } => {
            reach_back(poller, source, from, source.history_from.max(to - max_age), to - settling).await?
        }
        OpenSet::ByDetail { .. } => from,
    };
    Ok(Window { from, to })
}

/// Back to the oldest session that can still change. Sessions of the last day are reached by every run;
/// older ones, whose re-listing may take many calls, once in [`RELIST_EVERY`].
async fn reach_back(
    poller: &Poller,
    source: &Source,
    from: DateTime<Utc>,
    oldest_worth: DateTime<Utc>,
    unsettled_since: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    let now = poller.clock.now();
    let learnt = facts::facts(&poller.pool, source.id).await?;
    if learnt.get(FACT_FILTER_MEANING).is_some_and(|meaning| meaning == "updated") {
        return Ok(from);
    }
    let range = OpenRange { created_before: from, created_from: oldest_worth, unsettled_since };
    let Some(oldest) = open_set::oldest(&poller.pool, source.id, &range).await? else { return Ok(from) };
    if oldest >= now - RECENT || !journal::reached(&poller.pool, source.id, oldest, now - RELIST_EVERY).await? {
        return Ok(oldest.min(from));
    }
    let recent = OpenRange { created_from: oldest_worth.max(now - RECENT), ..range };
    let oldest = open_set::oldest(&poller.pool, source.id, &recent).await?;
    Ok(oldest.map_or(from, |oldest| oldest.min(from)))
}
