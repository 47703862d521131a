//! Buckets: a range of time cut at the clock or the calendar of a zone.
//!
//! Below a day the steps are absolute, so that the day on which clocks go back has 25 hours and none of
//! them twice; from a day up they are calendar steps. Cuts lie on whole hours, days, weeks, months and
//! years; the first and the last bucket end where the range does. Buckets touch and never overlap.

use chrono::{DateTime, Offset, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::query::calendar::{CalendarUnit, local_date, start_of_day};
use crate::query::range::TimeRange;

/// How finely a range is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// Not at all: one bucket.
    None,
    /// Sixty minutes.
    Hour,
    /// A local day.
    Day,
    /// An ISO week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// Most buckets an answer may have.
pub const MAX_BUCKETS: usize = 2_000;

/// As many as a chart can show; what `auto` aims at.
const AUTO_BUCKETS: usize = 200;

impl Granularity {
    /// All of them, from the finest cut to none.
    pub const ALL: [Self; 6] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year, Self::None];

    /// The name in questions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The granularity of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|granularity| granularity.as_str() == text)
    }

    /// The finest cut that a chart can show.
    pub fn auto(range: TimeRange, zone: Tz) -> Self {
        Self::finest(range, zone, AUTO_BUCKETS)
    }

    /// The finest cut that is allowed.
    pub fn finest_allowed(range: TimeRange, zone: Tz) -> Self {
        Self::finest(range, zone, MAX_BUCKETS)
    }

    fn finest(range: TimeRange, zone: Tz, max: usize) -> Self {
        Self::ALL.into_iter().find(|granularity| cut(range, zone, *granularity, max).is_some()).unwrap_or(Self::None)
    }
}

/// The range in buckets, in order; `None` where they would be more than `max`.
pub fn cut(range: TimeRange, zone: Tz, granularity: Granularity, max: usize) -> Option<Vec<TimeRange>> {
    let unit = match granularity {
        Granularity::None => return Some(vec![range]),
        Granularity::Hour => {
            let hours =
                std::iter::successors(Some(start_of_hour(zone, range.from)), |at| Some(*at + TimeDelta::hours(1)));
            return collect(range, hours.skip(1), max);
        }
        Granularity::Day => CalendarUnit::Day,
        Granularity::Week => CalendarUnit::Week,
        Granularity::Month => CalendarUnit::Month,
        Granularity::Year => CalendarUnit::Year,
    };
    let first = unit.floor(local_date(zone, range.from));
    let dates = std::iter::successors(Some(first), |date| Some(unit.next(*date)));
    collect(range, dates.skip(1).map(|date| start_of_day(zone, date)), max)
}

fn collect(range: TimeRange, cuts: impl Iterator<Item = DateTime<Utc>>, max: usize) -> Option<Vec<TimeRange>> {
    let mut buckets = Vec::new();
    let mut from = range.from;
    for at in cuts {
        let to = at.min(range.to);
        if from < to {
            if buckets.len() == max {
                return None;
            }
            buckets.push(TimeRange { from, to });
            from = to;
        }
        if at >= range.to {
            break;
        }
    }
    Some(buckets)
}

/// The beginning of the hour that local clocks show; not every zone lies whole hours from UTC.
pub fn start_of_hour(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let offset = i64::from(at.with_timezone(&zone).offset().fix().local_minus_utc());
    let into_hour = (at.timestamp() + offset).rem_euclid(3_600);
    DateTime::from_timestamp(at.timestamp() - into_hour, 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{Asia, Europe};
    use proptest::prelude::*;

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn count(from: &str, to: &str, granularity: Granularity) -> usize {
        cut(range(from, to), Europe::Berlin, granularity, MAX_BUCKETS).unwrap().len()
    }

    #[test]
    fn days_of_23_and_25_hours() {
        assert_eq!(count("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", Granularity::Hour), 23);
        assert_eq!(count("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", Granularity::Day), 1);
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Granularity::Hour), 25);
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Granularity::Day), 1);
    }

    #[test]
    fn ends_are_clipped_and_cuts_are_local() {
        let buckets = cut(range("2026-11-20T10:10:00Z", "2026-11-20T12:00:00Z"), Asia::Kolkata, Granularity::Hour, 9);
        let starts: Vec<String> = buckets.unwrap().iter().map(|b| b.from.format("%H:%M").to_string()).collect();
        assert_eq!(starts, ["10:10", "10:30", "11:30"]);
    }

    #[test]
    fn too_fine_a_cut_is_refused_and_a_coarser_one_found() {
        let year = range("2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z");
        assert_eq!(cut(year, Europe::Berlin, Granularity::Hour, MAX_BUCKETS), None);
        assert_eq!(Granularity::finest_allowed(year, Europe::Berlin), Granularity::Day);
        assert_eq!(Granularity::auto(year, Europe::Berlin), Granularity::Week);
    }

    proptest! {
        #[test]
        fn buckets_tile_the_range(start in 1_600_000_000_i64..1_900_000_000, hours in 1_i64..1_500, unit in 0_usize..6, zone in 0_usize..5) {
            let zone = [Europe::Berlin, Asia::Beirut, Asia::Kolkata, chrono_tz::America::Havana, chrono_tz::Australia::Lord_Howe][zone];
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let whole = TimeRange { from, to: from + TimeDelta::hours(hours) };
            let buckets = cut(whole, zone, Granularity::ALL[unit], MAX_BUCKETS).unwrap();
            prop_assert_eq!(buckets.first().unwrap().from, whole.from);
            prop_assert_eq!(buckets.last().unwrap().to, whole.to);
            for pair in buckets.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            prop_assert!(buckets.iter().all(|bucket| bucket.from < bucket.to));
        }
    }
}
