//! The period that a query is compared with, and the changes since.
//!
//! Each bucket has at most one counterpart, and the buckets of the period tile it, so that its total is the sum of
//! theirs. Periods of equal length are compared bucket by bucket, shifted. Months and years differ in length, so
//! their days are matched by date, and a day that the other month lacks has no counterpart.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::bucket::{Granularity, cut};
use crate::query::calendar::local_date;
use crate::query::metrics::answer::Value;
use crate::query::metrics::registry::{Additivity, Metric};
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::shift::Shift;

/// The kind of period to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareTo {
    /// The period of the same length before.
    PreviousPeriod,
    /// The same dates a year before.
    PreviousYear,
    /// This period.
    Custom(TimeRange),
}

impl CompareTo {
    /// The names in requests and answers.
    pub const NAMES: [&str; 3] = ["previous_period", "previous_year", "custom"];

    /// Returns the name in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreviousPeriod => "previous_period",
            Self::PreviousYear => "previous_year",
            Self::Custom(_) => "custom",
        }
    }
}

/// The requested comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The kind of period.
    pub to: CompareTo,
    /// Whether each day is compared with a day of the same weekday.
    pub by_weekday: bool,
    /// Whether only as much of the period counts as has passed of the range.
    pub same_elapsed: bool,
    /// Whether the range is a number of days, even if it covers whole months.
    pub is_of_days: bool,
}

/// The period that a query is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The request.
    pub wanted: Wanted,
    /// The period.
    pub range: TimeRange,
    /// The buckets of the period, in order.
    pub buckets: Vec<TimeRange>,
    /// For each bucket of the query, the index of its counterpart in `buckets`.
    pub counterparts: Vec<Option<usize>>,
}

/// The range of a query and its buckets.
#[derive(Debug, Clone, Copy)]
pub struct Pieces<'a> {
    /// The range.
    pub range: TimeRange,
    /// Its buckets, in order.
    pub buckets: &'a [TimeRange],
    /// The granularity of the buckets.
    pub granularity: Granularity,
    /// The zone of the calendar.
    pub zone: Tz,
}

impl Comparison {
    /// Returns the requested comparison at `now`; `None` if the period is empty, because nothing of the range has
    /// passed and only the same share should count.
    pub fn of(wanted: Wanted, pieces: Pieces<'_>, now: DateTime<Utc>) -> Option<Self> {
        let Pieces { range, zone, .. } = pieces;
        let (shift, previous) = period(wanted, range, zone);
        let limit = if wanted.same_elapsed && now < range.to {
            shift.back(now.max(range.from), zone).clamp(previous.from, previous.to)
        } else {
            previous.to
        };
        let (buckets, mut counterparts) = paired(wanted, shift, previous, pieces);
        let passed: Vec<TimeRange> = buckets
            .into_iter()
            .filter(|bucket| bucket.from < limit)
            .map(|bucket| TimeRange { to: bucket.to.min(limit), ..bucket })
            .collect();
        for counterpart in &mut counterparts {
            *counterpart = counterpart.filter(|place| *place < passed.len());
        }
        let range = TimeRange { to: limit, ..previous };
        (limit > previous.from).then_some(Self { wanted, range, buckets: passed, counterparts })
    }
}

/// Returns how far back the period is, and the whole period.
fn period(wanted: Wanted, range: TimeRange, zone: Tz) -> (Shift, TimeRange) {
    let length = Shift::length(range, zone, wanted.is_of_days);
    let shift = match (wanted.to, wanted.by_weekday) {
        (CompareTo::PreviousPeriod, false) => length,
        (CompareTo::PreviousPeriod, true) => length.in_weeks(range.to, zone),
        (CompareTo::PreviousYear, false) => Shift::Months(12),
        (CompareTo::PreviousYear, true) => Shift::Days(52 * 7),
        (CompareTo::Custom(custom), by_weekday) => {
            let weekday = |at| i64::from(local_date(zone, at).weekday().num_days_from_monday());
            // The nearest day that is the same day of the week.
            let turn = (weekday(range.from) - weekday(custom.from) + 3).rem_euclid(7) - 3;
            let turn = Shift::Days(if by_weekday { -turn } else { 0 });
            let custom = TimeRange { from: turn.back(custom.from, zone), to: turn.back(custom.to, zone) };
            return (Shift::between(range.from, custom.from, zone), custom);
        }
    };
    let from = shift.back(range.from, zone);
    // In the hour that occurs twice, local clocks may show an earlier time at the end than at the beginning.
    (shift, TimeRange { from, to: shift.back(range.to, zone).max(from) })
}

/// Returns the buckets of the period, and the counterpart of each bucket of the query.
fn paired(
    wanted: Wanted,
    shift: Shift,
    previous: TimeRange,
    pieces: Pieces<'_>,
) -> (Vec<TimeRange>, Vec<Option<usize>>) {
    let Pieces { buckets, granularity, zone, .. } = pieces;
    let is_custom = matches!(wanted.to, CompareTo::Custom(_));
    if !is_custom && !matches!(shift, Shift::Months(_)) {
        return shifted(shift, previous, pieces);
    }
    let own = cut(previous, zone, granularity, usize::MAX).unwrap_or_default();
    let by_place = is_custom || matches!(granularity, Granularity::Week | Granularity::None);
    let mut taken = vec![false; own.len()];
    let counterpart = |(place, bucket): (usize, &TimeRange)| {
        let found = if by_place {
            Some(place).filter(|place| *place < own.len())
        } else {
            let start = shift.exactly_back(bucket.from, zone)?;
            own.binary_search_by(|own| own.from.cmp(&start)).ok()
        };
        // When clocks go back, an hour occurs twice; only one of the two has the counterpart.
        found.filter(|place| !std::mem::replace(&mut taken[*place], true))
    };
    let counterparts = buckets.iter().enumerate().map(counterpart).collect();
    (own, counterparts)
}

/// Returns each bucket, shifted back. If clocks went back on one side only, a bucket has no counterpart.
fn shifted(shift: Shift, previous: TimeRange, pieces: Pieces<'_>) -> (Vec<TimeRange>, Vec<Option<usize>>) {
    let mut own = Vec::with_capacity(pieces.buckets.len());
    let mut from = previous.from;
    let mut counterparts = Vec::with_capacity(pieces.buckets.len());
    for bucket in pieces.buckets {
        let to = shift.back(bucket.to, pieces.zone).clamp(from, previous.to);
        counterparts.push((from < to).then_some(own.len()));
        if from < to {
            own.push(TimeRange { from, to });
            from = to;
        }
    }
    (own, counterparts)
}

/// The value in the previous period, and the change since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// The value in the previous period; null: see `previous_reason`.
    pub previous: Option<Number>,
    /// Reason for a missing value: as `reason`, or `no_counterpart`: the previous period has no such bucket, or it lies
    /// beyond the part that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_reason: Option<&'static str>,
    /// Difference between the value and the previous one; null if either is null.
    pub change: Option<Number>,
    /// The change as a share of the absolute previous value; null if that is 0.
    pub change_ratio: Option<Number>,
    /// Change of a rate in percentage points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_points: Option<Number>,
}

impl Change {
    /// Computes the change from the previous value to the current one; `None`: there is no counterpart.
    pub fn of(metric: &Metric, now: &Value, before: Option<&Value>) -> Self {
        let Some(before) = before else {
            return Self { previous_reason: Some("no_counterpart"), ..Self::default() };
        };
        let change = now.value.zip(before.value).and_then(|(now, before)| now.0.checked_sub(before.0));
        let base = before.value.map_or(Decimal::ZERO, |before| before.0.abs());
        Self {
            previous: before.value,
            previous_reason: before.reason,
            change: change.map(Number),
            change_ratio: change.and_then(|change| Number::ratio(change, base)),
            change_points: change.filter(|_| is_rate(metric)).map(|change| Number(change * Decimal::ONE_HUNDRED)),
        }
    }
}

/// Returns whether the metric is a share of a whole, so that its change is given in percentage points.
fn is_rate(metric: &Metric) -> bool {
    metric.additivity == Additivity::RatioOfSums && (metric.id.ends_with("_rate") || metric.id.ends_with("_share"))
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
