//! Which range of time a run covers.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::{FACT_FILTER_MEANING, OpenSet, StreamPolicy};
use crate::ingest::{Poller, Source};
use crate::model::stream::Stream;
use crate::model::time::{Window, to_micros};
use crate::store::open_set::{self, OpenRange};
use crate::store::{StoreError, source as facts, window};

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
    // a clock that was set back must not turn the range around
    let from = from.max(source.history_from).min(to - policy.overlap.max(TimeDelta::minutes(1)));
    let from = match policy.open_set {
        OpenSet::ByListing { max_age, settling } => {
            reach_back(poller, source, from, to - max_age, to - settling).await?
        }
        OpenSet::ByDetail { .. } => from,
    };
    Ok(Window { from, to })
}

async fn reach_back(
    poller: &Poller,
    source: &Source,
    from: DateTime<Utc>,
    oldest_worth: DateTime<Utc>,
    unsettled_since: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    let learnt = facts::facts(&poller.pool, source.id).await?;
    if learnt.get(FACT_FILTER_MEANING).is_some_and(|meaning| meaning == "updated") {
        return Ok(from);
    }
    let range = OpenRange { created_before: from, created_from: oldest_worth, unsettled_since };
    let oldest = open_set::oldest(&poller.pool, source.id, &range).await?;
    Ok(oldest.map_or(from, |oldest| oldest.min(from)))
}
