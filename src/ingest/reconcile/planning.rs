//! Planning of a reconciliation: one small call per window.
//!
//! The last weeks are split by the day, earlier periods by the month and the year.

use chrono::TimeDelta;

use crate::connector::lists_by_creation;
use crate::ingest::backfill::planning::{Step, create, cut, ignores_filter, stream_key};
use crate::ingest::poller::{Poller, Source};
use crate::ingest::reconcile::daily_totals;
use crate::model::ring::Ring;
use crate::model::stream::Stream;
use crate::model::time::{Window, to_micros};
use crate::store::backfill::{Backfill, Plan, PlannedUnit, Purpose};
use crate::store::operation::Operator;
use crate::store::{StoreError, source as facts, state_coverage, window as windows};

/// Age after which a session counts as settled: it is stored, or it is missing.
pub const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(15);

/// The windows in which states are compared as well as counts, where a list filters by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// All windows, on request.
    All,
    /// Windows with sessions that can still change, and windows whose state was not seen for a week.
    Due,
}

/// Returns the ranges that a reconciliation covers by default, oldest first: everything proven, except for the last
/// minutes. Gaps between them were never read, so nothing in them can be missing.
pub async fn reconcilable(poller: &Poller, source: &Source) -> Result<Vec<Window>, StoreError> {
    let proven = windows::proven(&poller.pool, source.id, Stream::Sessions).await?;
    let settled = to_micros(poller.clock.now() - SETTLED_AFTER);
    let settled = proven.into_iter().map(|range| Window { to: range.to.min(settled), ..range });
    Ok(settled.filter(|range| range.from < range.to).collect())
}

/// Plans a reconciliation of `ranges`, oldest first; `None` where there are none, or the process stops. Does not check
/// whether the provider is reachable: the units find out.
pub async fn plan_reconciliation(
    poller: &Poller,
    source: &Source,
    ranges: &[Window],
    states: States,
    operator: &Operator,
) -> Result<Option<Backfill>, StoreError> {
    let Some((first, last)) = ranges.first().zip(ranges.last()) else { return Ok(None) };
    let range = Window { from: first.from, to: last.to };
    let is_unfiltered = ignores_filter(poller, source).await.unwrap_or_default().unwrap_or_default();
    let windows = if is_unfiltered {
        vec![range]
    } else {
        ranges.iter().flat_map(|part| cut(*part, |from| Step::for_age(range.to - from))).collect()
    };
    let days = if is_unfiltered { Vec::new() } else { daily_totals::figures(poller, source, &windows).await? };
    if poller.stop.is_cancelled() {
        return Ok(None);
    }
    let figure = |window: &Window| days.iter().find(|(day, _)| day == window).map(|(_, figures)| *figures);
    let compared = compared_by_state(poller, source, &windows, states).await?;
    let unit = |(window, compares_states): (&Window, bool)| PlannedUnit {
        window: *window,
        day: figure(window),
        compares_states,
    };
    let units: Vec<PlannedUnit> = windows.iter().zip(compared).map(unit).collect();
    let plan =
        Plan { stream_key: stream_key(source), purpose: Purpose::Reconcile, range, units: &units, is_unfiltered };
    create(poller, source, &plan, operator).await.map(Some)
}

/// Returns the windows in which states are compared. A list that filters by change already returns each change.
async fn compared_by_state(
    poller: &Poller,
    source: &Source,
    windows: &[Window],
    states: States,
) -> Result<Vec<bool>, StoreError> {
    let pool = &poller.pool;
    let is_by_creation = lists_by_creation(&facts::facts(pool, source.id).await?);
    if !is_by_creation || states == States::All {
        return Ok(vec![is_by_creation; windows.len()]);
    }
    let since = poller.clock.now() - Ring::Weekly.period().unwrap_or_default();
    state_coverage::due(pool, stream_key(source), windows, since).await
}
