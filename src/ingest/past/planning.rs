//! Planning: splits a past range into windows.
//!
//! A backfill is split by the day, in UTC; a window with too many records is split further once it is read. A
//! reconciliation makes one small call per window: the last weeks by the day, earlier periods by the month and the
//! year.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::connector::error::PullError;
use crate::connector::lists_by_creation;
use crate::ingest::past::daytable;
use crate::ingest::{Poller, Source};
use crate::model::page::PageRequest;
use crate::model::ring::Ring;
use crate::model::stream::Stream;
use crate::model::time::{Window, sane_range, to_micros};
use crate::store::backfill::{self, Backfill, Plan, PlannedUnit, Purpose};
use crate::store::operation::{Operation, Operator};
use crate::store::{Place, StoreError, source as facts, state_coverage, window as windows};

/// Age after which a session counts as settled: it is stored, or it is missing.
pub const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(15);
/// Windows that begin less than this before the end are days,
const BY_DAY: TimeDelta = TimeDelta::days(36);
/// less than this, months, and all others years.
const BY_MONTH: TimeDelta = TimeDelta::days(400);

/// The windows in which states are compared as well as counts, where a list filters by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// All windows, on request.
    All,
    /// Windows with sessions that can still change, and windows whose state was not seen for a week.
    Due,
}

/// The reason why nothing was planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A database error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider could not be asked whether it applies time filters.
    #[error("the provider could not be queried: {0}")]
    Pull(PullError),
}

fn place(source: &Source) -> Place {
    Place { source_id: source.id, stream: Stream::Sessions }
}

/// Returns the backfill of `range`: the unfinished one, or a new one.
pub async fn plan_backfill(
    poller: &Poller,
    source: &Source,
    range: Window,
    operator: &Operator,
) -> Result<(Backfill, bool), PlanError> {
    if let Some(unfinished) =
        backfill::reopen(&poller.pool, place(source), Purpose::Backfill, range, poller.clock.now()).await?
    {
        return Ok((unfinished, true));
    }
    let is_unfiltered = ignores_filter(poller, source).await.map_err(PlanError::Pull)?;
    let windows = if is_unfiltered { vec![range] } else { cut(range, |_| Step::Day) };
    let units: Vec<PlannedUnit> =
        windows.into_iter().map(|window| PlannedUnit { window, day: None, compares_states: false }).collect();
    let plan = Plan { place: place(source), purpose: Purpose::Backfill, range, units: &units, is_unfiltered };
    Ok((write_down(poller, source, &plan, operator).await?, false))
}

/// Returns the ranges that a reconciliation covers by default, oldest first: everything proven, except for the last
/// minutes. Gaps between them were never read, so nothing in them can be missing.
pub async fn reconcilable(poller: &Poller, source: &Source) -> Result<Vec<Window>, StoreError> {
    let proven = windows::proven(&poller.pool, source.id, Stream::Sessions).await?;
    let settled = to_micros(poller.clock.now() - SETTLED_AFTER);
    let settled = proven.into_iter().map(|range| Window { to: range.to.min(settled), ..range });
    Ok(settled.filter(|range| range.from < range.to).collect())
}

/// Plans a reconciliation of `ranges`, oldest first; `None` where there are none. Does not check whether the
/// provider is reachable: the units find out.
pub async fn plan_reconciliation(
    poller: &Poller,
    source: &Source,
    ranges: &[Window],
    states: States,
    operator: &Operator,
) -> Result<Option<Backfill>, StoreError> {
    let Some((first, last)) = ranges.first().zip(ranges.last()) else { return Ok(None) };
    let range = Window { from: first.from, to: last.to };
    let is_unfiltered = ignores_filter(poller, source).await.unwrap_or(false);
    let windows = if is_unfiltered {
        vec![range]
    } else {
        ranges.iter().flat_map(|part| cut(*part, |from| Step::for_age(range.to - from))).collect()
    };
    let days = if is_unfiltered { Vec::new() } else { daytable::figures(poller, source, &windows).await? };
    let figure = |window: &Window| days.iter().find(|(day, _)| day == window).map(|(_, figures)| *figures);
    let compared = compared_by_state(poller, source, &windows, states).await?;
    let unit = |(window, compares_states): (&Window, bool)| PlannedUnit {
        window: *window,
        day: figure(window),
        compares_states,
    };
    let units: Vec<PlannedUnit> = windows.iter().zip(compared).map(unit).collect();
    let plan = Plan { place: place(source), purpose: Purpose::Reconcile, range, units: &units, is_unfiltered };
    write_down(poller, source, &plan, operator).await.map(Some)
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
    state_coverage::due(pool, place(source), windows, since).await
}

async fn write_down(
    poller: &Poller,
    source: &Source,
    plan: &Plan<'_>,
    operator: &Operator,
) -> Result<Backfill, StoreError> {
    let target = plan.range.to_string();
    let operation = Operation {
        source_id: Some(source.id),
        stream: Some(Stream::Sessions),
        kind: plan.purpose.as_str(),
        target: Some(&target),
        operator,
        now: poller.clock.now(),
    };
    let backfill = backfill::create(&poller.pool, plan, &operation).await?;
    tracing::info!(source = %source.slug, backfill_id = backfill.backfill_id, purpose = plan.purpose.as_str(),
        range = target, units = plan.units.len(), "planned");
    Ok(backfill)
}

/// Whether the provider ignores time filters: it counts records in a day before all its sessions. Each window would
/// then list everything again, so only one is planned.
async fn ignores_filter(poller: &Poller, source: &Source) -> Result<bool, PullError> {
    let (first, _) = sane_range();
    let window = Window { from: first, to: first + TimeDelta::days(1) };
    let request = PageRequest { window: &window, cursor: None, now: poller.clock.now() };
    let count = source.past.count(Stream::Sessions, request).await?;
    Ok(count.total.is_some_and(|total| total > 0))
}

/// Length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Day,
    Month,
    Year,
}

impl Step {
    fn for_age(age: TimeDelta) -> Self {
        match age {
            age if age < BY_DAY => Self::Day,
            age if age < BY_MONTH => Self::Month,
            _ => Self::Year,
        }
    }

    /// Returns the first border after `at`, in UTC.
    fn border_after(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let day = at.date_naive();
        let next = match self {
            Self::Day => day.checked_add_days(Days::new(1)),
            Self::Month if day.month() == 12 => NaiveDate::from_ymd_opt(day.year() + 1, 1, 1),
            Self::Month => NaiveDate::from_ymd_opt(day.year(), day.month() + 1, 1),
            Self::Year => NaiveDate::from_ymd_opt(day.year() + 1, 1, 1),
        };
        next.map(|next| next.and_time(NaiveTime::MIN).and_utc())
    }
}

/// Splits `range` at calendar borders; `step` receives the start of a window and returns its length.
fn cut(range: Window, step: impl Fn(DateTime<Utc>) -> Step) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut from = range.from;
    while from < range.to {
        let to = step(from).border_after(from).map_or(range.to, |border| border.min(range.to));
        windows.push(Window { from, to });
        from = to;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> Window {
        Window { from: from.parse().expect("an instant"), to: to.parse().expect("an instant") }
    }

    #[test]
    fn a_range_is_cut_at_midnights_without_gaps() {
        let cut = cut(window("2026-02-27T18:00:00Z", "2026-03-01T06:00:00Z"), |_| Step::Day);
        assert_eq!(
            cut,
            [
                window("2026-02-27T18:00:00Z", "2026-02-28T00:00:00Z"),
                window("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
                window("2026-03-01T00:00:00Z", "2026-03-01T06:00:00Z"),
            ]
        );
    }

    #[test]
    fn what_is_long_past_is_asked_for_by_the_month_and_the_year() {
        let range = window("2020-01-01T00:00:00Z", "2026-03-10T11:45:00Z");
        let cut = cut(range, |from| Step::for_age(range.to - from));
        assert_eq!(cut[0], window("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"));
        assert_eq!(cut.last(), Some(&window("2026-03-10T00:00:00Z", "2026-03-10T11:45:00Z")));
        assert!(cut.windows(2).all(|pair| pair[0].to == pair[1].from), "{cut:?}");
        // 6 years up to the end of 2025, the last of them begun more than 400 days ago, then months, then days
        assert!(cut.len() < 70, "{}", cut.len());
    }
}
