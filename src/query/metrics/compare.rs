//! The period that a query is compared with.
//!
//! Each bucket has at most one counterpart, and the buckets of the period tile it, so that its total is the sum of
//! theirs. Periods of equal length are compared bucket by bucket, shifted. Months and years differ in length, so
//! their days are matched by date, and a day that the other month lacks has no counterpart.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use crate::query::bucket::{Granularity, cut};
use crate::query::calendar::local_date;
use crate::query::period_shift::PeriodShift;
use crate::query::range::TimeRange;

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
    pub const fn as_str(self) -> &'static str {
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
fn period(wanted: Wanted, range: TimeRange, zone: Tz) -> (PeriodShift, TimeRange) {
    let length = PeriodShift::length(range, zone, wanted.is_of_days);
    let shift = match (wanted.to, wanted.by_weekday) {
        (CompareTo::PreviousPeriod, false) => length,
        (CompareTo::PreviousPeriod, true) => length.in_weeks(range.to, zone),
        (CompareTo::PreviousYear, false) => PeriodShift::Months(12),
        (CompareTo::PreviousYear, true) => PeriodShift::Days(52 * 7),
        (CompareTo::Custom(custom), by_weekday) => {
            let weekday = |at| i64::from(local_date(zone, at).weekday().num_days_from_monday());
            // The nearest day that is the same day of the week.
            let turn = (weekday(range.from) - weekday(custom.from) + 3).rem_euclid(7) - 3;
            let turn = PeriodShift::Days(if by_weekday { -turn } else { 0 });
            let custom = TimeRange { from: turn.back(custom.from, zone), to: turn.back(custom.to, zone) };
            return (PeriodShift::between(range.from, custom.from, zone), custom);
        }
    };
    let from = shift.back(range.from, zone);
    // In the hour that occurs twice, local clocks may show an earlier time at the end than at the beginning.
    (shift, TimeRange { from, to: shift.back(range.to, zone).max(from) })
}

/// Returns the buckets of the period, and the counterpart of each bucket of the query.
fn paired(
    wanted: Wanted,
    shift: PeriodShift,
    previous: TimeRange,
    pieces: Pieces<'_>,
) -> (Vec<TimeRange>, Vec<Option<usize>>) {
    let Pieces { buckets, granularity, zone, .. } = pieces;
    let is_custom = matches!(wanted.to, CompareTo::Custom(_));
    if !is_custom && !matches!(shift, PeriodShift::Months(_)) {
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
fn shifted(shift: PeriodShift, previous: TimeRange, pieces: Pieces<'_>) -> (Vec<TimeRange>, Vec<Option<usize>>) {
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

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
