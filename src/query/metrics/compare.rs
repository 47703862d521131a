//! The period a question is compared with, and what changed since.
//!
//! Each bucket has at most one counterpart, and the buckets of the period tile it, so that its total is the sum of
//! theirs. Periods that are as long as each other are compared piece by piece, shifted; months and years have odd
//! lengths, so their days are found by their dates, and a day the other month does not have is compared with nothing.

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

/// With what a question is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareTo {
    /// The period of the same length before.
    PreviousPeriod,
    /// The same dates a year before.
    PreviousYear,
    /// This one.
    Custom(TimeRange),
}

impl CompareTo {
    /// The names in questions and answers.
    pub const NAMES: [&str; 3] = ["previous_period", "previous_year", "custom"];

    /// The name in questions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreviousPeriod => "previous_period",
            Self::PreviousYear => "previous_year",
            Self::Custom(_) => "custom",
        }
    }
}

/// How a comparison was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// With what.
    pub to: CompareTo,
    /// Whether each day is compared with one of the same weekday.
    pub by_weekday: bool,
    /// Whether only as much of the period counts as has passed of the range.
    pub same_elapsed: bool,
    /// Whether the range is one of days, whatever months it covers.
    pub is_of_days: bool,
}

/// The period a question is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How it was asked for.
    pub wanted: Wanted,
    /// The period.
    pub range: TimeRange,
    /// The period in pieces, in order.
    pub buckets: Vec<TimeRange>,
    /// For each bucket of the question its counterpart's place among `buckets`.
    pub counterparts: Vec<Option<usize>>,
}

/// The range of a question and how it was cut.
#[derive(Debug, Clone, Copy)]
pub struct Pieces<'a> {
    /// When.
    pub range: TimeRange,
    /// In pieces, in order.
    pub buckets: &'a [TimeRange],
    /// How it was cut.
    pub granularity: Granularity,
    /// Whose calendar.
    pub zone: Tz,
}

impl Comparison {
    /// The comparison that is wanted, at `now`; `None` where the period is empty: nothing of the range has passed, and
    /// only that should count.
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

/// How far back, and the whole period.
fn period(wanted: Wanted, range: TimeRange, zone: Tz) -> (Shift, TimeRange) {
    let length = Shift::length(range, zone, wanted.is_of_days);
    let shift = match (wanted.to, wanted.by_weekday) {
        (CompareTo::PreviousPeriod, false) => length,
        (CompareTo::PreviousPeriod, true) => length.in_weeks(range.to, zone),
        (CompareTo::PreviousYear, false) => Shift::Months(12),
        (CompareTo::PreviousYear, true) => Shift::Days(52 * 7),
        (CompareTo::Custom(custom), by_weekday) => {
            let weekday = |at| i64::from(local_date(zone, at).weekday().num_days_from_monday());
            // the nearest day that is the same day of the week
            let turn = (weekday(range.from) - weekday(custom.from) + 3).rem_euclid(7) - 3;
            let turn = Shift::Days(if by_weekday { -turn } else { 0 });
            let custom = TimeRange { from: turn.back(custom.from, zone), to: turn.back(custom.to, zone) };
            return (Shift::between(range.from, custom.from, zone), custom);
        }
    };
    let from = shift.back(range.from, zone);
    // in the hour that comes twice, local clocks may show less at the end than at the beginning
    (shift, TimeRange { from, to: shift.back(range.to, zone).max(from) })
}

/// The period in pieces, and which of them belongs to which bucket of the question.
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
        // where clocks go back an hour comes twice: one of them has the counterpart
        found.filter(|place| !std::mem::replace(&mut taken[*place], true))
    };
    let counterparts = buckets.iter().enumerate().map(counterpart).collect();
    (own, counterparts)
}

/// Each bucket that far back. Where clocks went back on one side and not on the other, a piece has no counterpart.
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

/// What a figure was in the period before, and how it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// The figure of the period before; null: see `previous_reason`.
    pub previous: Option<Number>,
    /// Why there is none: as `reason`, or `no_counterpart`: the period has no such bucket, or it has not come so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_reason: Option<&'static str>,
    /// By how much the figure is more; null where one of the two is.
    pub change: Option<Number>,
    /// The change as a share of the figure before (of its size, where it is negative); null where that is 0.
    pub change_ratio: Option<Number>,
    /// Of a rate: the change in percentage points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_points: Option<Number>,
}

impl Change {
    /// From the figure before to that of now; `None`: the figure has no counterpart.
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

/// Whether the figure is a share of a whole, so that its change is told in points.
fn is_rate(metric: &Metric) -> bool {
    metric.additivity == Additivity::RatioOfSums && (metric.id.ends_with("_rate") || metric.id.ends_with("_share"))
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
