//! Buckets: a range of time cut by the clock or the calendar of a zone.
//!
//! From a day up, the cuts are calendar steps. Below a day, they are absolute steps that count from the beginning of
//! each local day. A day on which clocks go back has 25 hours, each of them once. Where clocks go back by half an
//! hour, the last bucket of that day is shorter. So a cut does not depend on where the range begins; only the first
//! and the last bucket end where the range does. Buckets touch and never overlap.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::query::calendar::{CalendarUnit, local_date, start_of_day};
use crate::query::range::TimeRange;

/// The size of the buckets of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// One bucket for the whole range.
    None,
    /// Fifteen minutes.
    FifteenMinutes,
    /// Sixty minutes.
    Hour,
    /// A local day.
    Day,
    /// An ISO week.
    Week,
    /// A month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

/// The kind of step between two cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Clock time, counted within a local day.
    Clock(TimeDelta),
    /// A unit of the calendar.
    Calendar(CalendarUnit),
}

/// Most buckets of an answer.
pub const MAX_BUCKETS: usize = 2_000;

/// Most buckets that a chart can show; the limit of `auto`.
const AUTO_BUCKETS: usize = 200;

impl Granularity {
    /// All granularities, from the finest to none.
    pub const ALL: [Self; 8] =
        [Self::FifteenMinutes, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year, Self::None];

    /// Returns the name in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FifteenMinutes => "15_minutes",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// Returns the step between cuts; `None` if there are no cuts.
    pub fn step(self) -> Option<Step> {
        Some(match self {
            Self::None => return None,
            Self::FifteenMinutes => Step::Clock(TimeDelta::minutes(15)),
            Self::Hour => Step::Clock(TimeDelta::hours(1)),
            Self::Day => Step::Calendar(CalendarUnit::Day),
            Self::Week => Step::Calendar(CalendarUnit::Week),
            Self::Month => Step::Calendar(CalendarUnit::Month),
            Self::Quarter => Step::Calendar(CalendarUnit::Quarter),
            Self::Year => Step::Calendar(CalendarUnit::Year),
        })
    }

    /// Returns the granularity of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|granularity| granularity.as_str() == text)
    }

    /// Returns the finest granularity that a chart can show.
    pub fn auto(range: TimeRange, zone: Tz) -> Self {
        Self::finest(range, zone, AUTO_BUCKETS)
    }

    /// Returns the finest granularity that is allowed.
    pub fn finest_allowed(range: TimeRange, zone: Tz) -> Self {
        Self::finest(range, zone, MAX_BUCKETS)
    }

    fn finest(range: TimeRange, zone: Tz, max: usize) -> Self {
        Self::ALL.into_iter().find(|granularity| cut(range, zone, *granularity, max).is_some()).unwrap_or(Self::None)
    }
}

/// Returns whether a bucket is only a part of what the clock or the calendar gives, because the range cuts it.
pub fn is_cut(bucket: TimeRange, zone: Tz, granularity: Granularity) -> bool {
    let date = local_date(zone, bucket.from);
    let unit = match granularity.step() {
        None => return false,
        Some(Step::Clock(_)) => CalendarUnit::Day,
        Some(Step::Calendar(unit)) => unit,
    };
    let first = unit.floor(date);
    let whole = TimeRange { from: start_of_day(zone, first), to: start_of_day(zone, unit.next(first)) };
    let whole = cut(whole, zone, granularity, usize::MAX).unwrap_or_default();
    !whole.contains(&bucket)
}

/// Cuts the range into buckets, in order; returns `None` if there would be more than `max`.
pub fn cut(range: TimeRange, zone: Tz, granularity: Granularity, max: usize) -> Option<Vec<TimeRange>> {
    match granularity.step() {
        None => Some(vec![range]),
        Some(Step::Clock(step)) => {
            let days = calendar(CalendarUnit::Day, local_date(zone, range.from));
            let cuts = days.flat_map(|date| {
                let (start, end) = (start_of_day(zone, date), start_of_day(zone, CalendarUnit::Day.next(date)));
                std::iter::successors(Some(start), move |at| Some(*at + step)).take_while(move |at| *at < end)
            });
            collect(range, cuts, max)
        }
        Some(Step::Calendar(unit)) => {
            let dates = calendar(unit, unit.floor(local_date(zone, range.from)));
            collect(range, dates.map(|date| start_of_day(zone, date)), max)
        }
    }
}

/// Returns the first dates of units, starting with `first`.
fn calendar(unit: CalendarUnit, first: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(Some(first), move |date| Some(unit.next(*date)).filter(|next| next > date))
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

    #[test]
    fn quarters_of_hours_and_of_years() {
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Granularity::FifteenMinutes), 100);
        assert_eq!(count("2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z", Granularity::Quarter), 4);
    }

    #[test]
    fn where_clocks_go_back_by_half_an_hour_a_day_ends_with_a_short_piece() {
        // Lord Howe, 2026-04-05: from 02:00 (+11) back to 01:30 (+10:30), a day of 24.5 hours.
        let day = range("2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
        let hours = cut(day, chrono_tz::Australia::Lord_Howe, Granularity::Hour, MAX_BUCKETS).unwrap();
        assert_eq!(hours.len(), 25);
        assert_eq!(hours[24], range("2026-04-05T13:00:00Z", "2026-04-05T13:30:00Z"));
        // The next day begins at its own midnight again.
        let next = range("2026-04-05T13:00:00Z", "2026-04-05T16:00:00Z");
        let hours = cut(next, chrono_tz::Australia::Lord_Howe, Granularity::Hour, MAX_BUCKETS).unwrap();
        assert_eq!(hours[1], range("2026-04-05T13:30:00Z", "2026-04-05T14:30:00Z"));
    }

    #[test]
    fn a_day_that_never_was_has_no_bucket() {
        // Apia went from the 29th to the 31st of December 2011.
        let days = range("2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z");
        let buckets = cut(days, chrono_tz::Pacific::Apia, Granularity::Day, MAX_BUCKETS).unwrap();
        assert_eq!(buckets.len(), 3);
        assert!(buckets.iter().all(|bucket| bucket.to - bucket.from == TimeDelta::days(1)), "{buckets:?}");
    }

    const ZONES: [Tz; 12] = [
        Tz::UTC,
        Europe::Berlin,
        Europe::Dublin,
        Asia::Beirut,
        Asia::Kolkata,
        Asia::Kathmandu,
        chrono_tz::America::Havana,
        chrono_tz::America::St_Johns,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Pacific::Apia,
        chrono_tz::Pacific::Chatham,
        chrono_tz::Africa::Casablanca,
    ];

    proptest! {
        #[test]
        fn buckets_tile_the_range(
            // 2011 to 2033, in seconds: a range may end at any second.
            start in 1_300_000_000_i64..2_000_000_000,
            seconds in 1_i64..1_500 * 3_600,
            cut_by in 0_usize..Granularity::ALL.len(),
            zone in 0_usize..ZONES.len(),
        ) {
            let (zone, granularity) = (ZONES[zone], Granularity::ALL[cut_by]);
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let whole = TimeRange { from, to: from + TimeDelta::seconds(seconds) };
            let buckets = cut(whole, zone, granularity, usize::MAX).unwrap();
            prop_assert_eq!(buckets.first().unwrap().from, whole.from);
            prop_assert_eq!(buckets.last().unwrap().to, whole.to);
            for pair in buckets.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            prop_assert!(buckets.iter().all(|bucket| bucket.from < bucket.to));
            for bucket in &buckets[1..] {
                let date = local_date(zone, bucket.from);
                match granularity.step().unwrap() {
                    Step::Calendar(unit) => prop_assert_eq!(bucket.from, start_of_day(zone, unit.floor(date))),
                    Step::Clock(step) => {
                        let into_day = bucket.from - start_of_day(zone, date);
                        prop_assert_eq!(into_day.num_seconds() % step.num_seconds(), 0);
                    }
                }
            }
        }

        #[test]
        fn a_part_of_a_range_is_cut_where_the_whole_is(start in 1_300_000_000_i64..2_000_000_000, cut_by in 0_usize..7, zone in 0_usize..ZONES.len()) {
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let whole = TimeRange { from, to: from + TimeDelta::days(40) };
            let part = TimeRange { from: from + TimeDelta::days(9), to: whole.to };
            let starts = |range| cut(range, ZONES[zone], Granularity::ALL[cut_by], usize::MAX).unwrap().into_iter().skip(1).map(|b| b.from);
            let of_whole: Vec<_> = starts(whole).filter(|at| *at > part.from).collect();
            prop_assert_eq!(starts(part).collect::<Vec<_>>(), of_whole);
        }
    }
}
