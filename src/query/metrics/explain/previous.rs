//! The period that a value is compared with: directly before the range and as long, or a year before it.
//!
//! It is the period that the comparison of a query uses: days are counted as days, months as months. If the range is
//! not over, only the same share of the period is compared: half a day against a whole one would always be a loss.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Timelike, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::ReadError;
use crate::query::bucket::Granularity;
use crate::query::calendar::in_zone;
use crate::query::catalog::Catalog;
use crate::query::metrics::compare::{CompareTo, Comparison, Pieces, Wanted};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::drivers::{self, Drivers};
use crate::query::metrics::explain::subject::{Explaining, Subject};
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::response::value::{Figure, Value};
use crate::query::metrics::run::Sums;
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;

/// The value of the compared period, and the drivers of the change since.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Previous {
    /// First instant of the compared period.
    pub from: String,
    /// First instant after it. If the range is not over, the period is cut to the same elapsed time.
    pub to: String,
    /// The value in that period.
    pub figure: Figure,
    /// The change since, for sums and ratios; null: one of the two values is null.
    pub change: Option<Number>,
    /// Reason for missing drivers: `no_figure` (one of the two values is null) or `not_additive` (the value is no sum
    /// of parts).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Drivers of the change, one set for each dimension; each set adds up to the change.
    pub drivers: Vec<Drivers>,
}

/// Returns the period that a range is compared with, cut to the elapsed time of the range. `is_of_days`: the range was
/// requested as a number of days, even if it covers whole months.
pub fn before(range: TimeRange, to: CompareTo, is_of_days: bool, zone: Tz, now: DateTime<Utc>) -> TimeRange {
    let minute = now.trunc_subsecs(0).with_second(0).unwrap_or(now);
    let is_running = range.from < minute && now < range.to;
    let wanted = Wanted { to, by_weekday: false, same_elapsed: is_running, is_of_days };
    let pieces = Pieces { range, buckets: &[range], granularity: Granularity::None, zone };
    let nothing = TimeRange { from: range.from, to: range.from };
    let previous = Comparison::of(wanted, pieces, minute).map_or(nothing, |comparison| comparison.range);
    TimeRange { from: previous.from, to: previous.to.min(range.from) }
}

/// Returns the drivers of the change from the compared period to `current`.
pub(super) async fn of(
    snapshot: &Snapshot,
    catalog: &Catalog,
    subject: &Subject<'_>,
    current: &Value,
    question: &Explaining,
    to: CompareTo,
) -> Result<Previous, ReadError> {
    let (zone, now) = (subject.query.zone, question.now);
    let range = before(subject.query.range, to, question.is_of_days, zone, now);
    let was = subject.within(range).value(snapshot, catalog, now).await?;
    let values = was.value.zip(current.value);
    let reason = match values {
        _ if !subject.metric.adds_up() => Some("not_additive"),
        None => Some("no_figure"),
        Some(_) => None,
    };
    let sets = match reason {
        None => sets(snapshot, subject, range, question).await?,
        Some(_) => Vec::new(),
    };
    Ok(Previous {
        from: in_zone(zone, range.from),
        to: in_zone(zone, range.to),
        figure: was,
        change: values.map(|(was, is)| Number(drivers::change(was.0, is.0))),
        reason,
        drivers: sets,
    })
}

async fn sets(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    previous: TimeRange,
    question: &Explaining,
) -> Result<Vec<Drivers>, ReadError> {
    let by_source = sums_by(snapshot, subject, Dimension::Source, previous, question.now).await?;
    let mut whole = (Sums::default(), Sums::default());
    for (_, before, after) in &by_source {
        whole.0.add(*before);
        whole.1.add(*after);
    }
    let mut sets = Vec::new();
    for dimension in Dimension::ALL.into_iter().filter(|dimension| is_told(subject, *dimension, &question.dimensions)) {
        let groups = match dimension {
            Dimension::Source => by_source.clone(),
            _ => sums_by(snapshot, subject, dimension, previous, question.now).await?,
        };
        sets.extend(drivers::of(dimension.as_str(), &groups, whole, subject.metric.additivity()));
    }
    Ok(sets)
}

/// Returns the sums of each group in the compared period and in the range, without groups that have none.
async fn sums_by(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    dimension: Dimension,
    previous: TimeRange,
    now: DateTime<Utc>,
) -> Result<Vec<drivers::Periods>, ReadError> {
    let range = subject.query.range;
    // One statement reads buckets that touch; the time between two that do not may be a year.
    let read = if previous.to == range.from { vec![vec![previous, range]] } else { vec![vec![previous], vec![range]] };
    let mut groups = BTreeMap::<(bool, Option<String>), (Sums, Sums)>::new();
    for buckets in read {
        for (group, sums) in subject.sums_by(snapshot, dimension, buckets.clone(), now).await? {
            let periods = groups.entry((group.is_none(), group)).or_default();
            for (bucket, sums) in buckets.iter().zip(sums) {
                if *bucket == previous { periods.0.add(sums) } else { periods.1.add(sums) }
            }
        }
    }
    groups.retain(|_, periods| *periods != (Sums::default(), Sums::default()));
    Ok(groups.into_iter().map(|((_, group), (before, after))| (group, before, after)).collect())
}

/// Returns whether to report drivers by a dimension: the metric can be grouped by it, and some source can have it.
fn is_told(subject: &Subject<'_>, dimension: Dimension, asked: &[Dimension]) -> bool {
    let has_it =
        || subject.telling.iter().any(|source| dimension.requires().of(source) != Applicability::NotApplicable);
    let is_of_group = subject.group.iter().any(|(other, _)| *other == dimension);
    // Groups that share sessions do not add up to the change; they are reported on request only, with the remainder.
    (asked.is_empty() && !subject.metric.shares_sessions_in(dimension) || asked.contains(&dimension))
        && subject.metric.can_be_grouped_by(dimension)
        && !is_of_group
        && has_it()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Berlin;

    fn previous(from: &str, to: &str, now: &str) -> String {
        let range = TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let to = CompareTo::PreviousPeriod;
        let TimeRange { from, to } = before(range, to, false, Berlin, now.parse().unwrap());
        format!("{} {}", from.format("%dT%H:%M"), to.format("%dT%H:%M"))
    }

    #[test]
    fn days_are_days_and_hours_are_hours() {
        let later = "2026-12-01T00:00:00Z";
        // The day after the clocks went back: the day before has 25 hours.
        assert_eq!(previous("2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z", later), "24T22:00 25T23:00");
        assert_eq!(previous("2026-11-18T10:00:00Z", "2026-11-18T13:00:00Z", later), "18T07:00 18T10:00");
    }

    #[test]
    fn of_a_day_that_runs_as_much_is_compared_as_has_passed() {
        let now = "2026-11-20T12:00:00Z";
        assert_eq!(previous("2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z", now), "18T23:00 19T12:00");
        assert_eq!(previous("2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z", now), "19T23:00 20T23:00");
    }
}
