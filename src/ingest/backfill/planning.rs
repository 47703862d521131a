//! Planning of work on past periods: splits a range at calendar borders, in UTC, into the units of a backfill.
//!
//! A backfill has a unit for each day; a reconciliation plans its units by the same steps. A window with too many
//! records is split further once it is read.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::connector::error::PullError;
use crate::ingest::poller::{Poller, Source};
use crate::model::page::PageRequest;
use crate::model::stream::Stream;
use crate::model::time::{Window, sane_range};
use crate::store::backfill::{self, Backfill, Plan, PlannedUnit, Purpose};
use crate::store::operation::{Operation, Operator};
use crate::store::{StoreError, StreamKey};

/// Windows that begin less than this before the end are days,
const BY_DAY: TimeDelta = TimeDelta::days(36);
/// less than this, months, and all others years.
const BY_MONTH: TimeDelta = TimeDelta::days(400);

/// The reason why nothing was planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A database error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider could not be asked whether it applies time filters.
    #[error("the provider could not be queried: {0}")]
    Pull(PullError),
    /// The process stops.
    #[error("stopped before the provider answered")]
    Stopped,
}

/// Returns the backfill of `range`: the unfinished one, or a new one.
pub async fn plan_backfill(
    poller: &Poller,
    source: &Source,
    range: Window,
    operator: &Operator,
) -> Result<(Backfill, bool), PlanError> {
    if let Some(unfinished) =
        backfill::reopen(&poller.pool, stream_key(source), Purpose::Backfill, range, poller.clock.now()).await?
    {
        return Ok((unfinished, true));
    }
    let is_unfiltered = ignores_filter(poller, source).await.map_err(PlanError::Pull)?.ok_or(PlanError::Stopped)?;
    let windows = if is_unfiltered { vec![range] } else { cut(range, |_| Step::Day) };
    let units: Vec<PlannedUnit> =
        windows.into_iter().map(|window| PlannedUnit { window, day: None, compares_states: false }).collect();
    let plan = Plan { stream_key: stream_key(source), purpose: Purpose::Backfill, range, units: &units, is_unfiltered };
    Ok((create(poller, source, &plan, operator).await?, false))
}

/// Returns the key of the stream that units read.
pub(in crate::ingest) fn stream_key(source: &Source) -> StreamKey {
    StreamKey { source_id: source.id, stream: Stream::Sessions }
}

/// Stores a plan, and logs it.
pub(in crate::ingest) async fn create(
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
/// then list everything again, so only one is planned. `None`: the process stops first.
pub(in crate::ingest) async fn ignores_filter(poller: &Poller, source: &Source) -> Result<Option<bool>, PullError> {
    let (first, _) = sane_range();
    let window = Window { from: first, to: first + TimeDelta::days(1) };
    let request = PageRequest { window: &window, cursor: None, now: poller.clock.now() };
    let call = source.backfill_connector.count(Stream::Sessions, request);
    let count = poller.stop.run_until_cancelled(call).await.transpose()?;
    Ok(count.map(|count| count.total.is_some_and(|total| total > 0)))
}

/// Length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Step {
    Day,
    Month,
    Year,
}

impl Step {
    pub(in crate::ingest) fn for_age(age: TimeDelta) -> Self {
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
pub(in crate::ingest) fn cut(range: Window, step: impl Fn(DateTime<Utc>) -> Step) -> Vec<Window> {
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
