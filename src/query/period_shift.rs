//! Shifts back in time along the calendar of a zone: by months, by days, or by an exact time.
//!
//! A range of whole months is shifted by months, a range of whole days by days, any other by its exact length. So the
//! period before March is February, and the period before a day of 25 hours is a day. A shifted instant has the same
//! time on local clocks. A day that the other month lacks has no counterpart.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::query::calendar::{CalendarUnit, first_instant, local_date, start_of_day};
use crate::query::range::TimeRange;

/// A shift back in time. Negative days shift forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodShift {
    /// Whole months.
    Months(u32),
    /// Local days.
    Days(i64),
    /// An exact length of time.
    Exact(TimeDelta),
}

impl PeriodShift {
    /// Returns the length of a range. `is_of_days`: count days even for whole months, as in `last_30_days`.
    pub fn length(range: TimeRange, zone: Tz, is_of_days: bool) -> Self {
        let (from, to) = (local_date(zone, range.from), local_date(zone, range.to));
        if start_of_day(zone, from) != range.from || start_of_day(zone, to) != range.to {
            return Self::Exact(range.to - range.from);
        }
        let months = (to.year() - from.year()) * 12 + to.month0().cast_signed() - from.month0().cast_signed();
        match u32::try_from(months) {
            Ok(months) if months > 0 && from.day() == 1 && to.day() == 1 && !is_of_days => Self::Months(months),
            _ => Self::Days((to - from).num_days()),
        }
    }

    /// Returns the shift from the beginning of one range back to that of another.
    pub fn between(later: DateTime<Utc>, earlier: DateTime<Utc>, zone: Tz) -> Self {
        let dates = (local_date(zone, later), local_date(zone, earlier));
        if start_of_day(zone, dates.0) == later && start_of_day(zone, dates.1) == earlier {
            return Self::Days((dates.0 - dates.1).num_days());
        }
        Self::Exact(later - earlier)
    }

    /// Returns the smallest shift of whole weeks that is at least as long.
    #[must_use]
    pub fn in_weeks(self, from: DateTime<Utc>, zone: Tz) -> Self {
        let days = match self {
            Self::Months(months) => {
                let start = local_date(zone, from);
                start.checked_sub_months(Months::new(months)).map_or(0, |before| (start - before).num_days())
            }
            Self::Days(days) => days,
            Self::Exact(length) => length.num_days() + i64::from(length.num_seconds() % 86_400 != 0),
        };
        Self::Days(7 * (days + 6).div_euclid(7))
    }

    /// Returns the instant shifted back; on a day that does not exist, the first instant after it.
    pub fn back(self, at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let local = local_time(at, zone);
        match self {
            Self::Exact(length) => at - length,
            Self::Days(days) => first_instant(zone, days_before(local.date(), days).and_time(local.time())),
            Self::Months(months) => match same_day(local, months) {
                Some(local) => first_instant(zone, local),
                None => start_of_day(zone, CalendarUnit::Month.next(months_before(local.date(), months))),
            },
        }
    }

    /// Returns the instant shifted back; `None` on a day that does not exist.
    pub fn exactly_back(self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        match self {
            Self::Months(months) => same_day(local_time(at, zone), months).map(|local| first_instant(zone, local)),
            _ => Some(self.back(at, zone)),
        }
    }
}

/// Returns the time that local clocks show; midnight at the start of a day whose midnight clocks jump over, so that the
/// start of a day is shifted to the start of a day.
fn local_time(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let local = at.with_timezone(&zone).naive_local();
    if start_of_day(zone, local.date()) == at { local.date().and_time(NaiveTime::MIN) } else { local }
}

fn days_before(date: NaiveDate, days: i64) -> NaiveDate {
    let back = |days: i64| date.checked_sub_days(Days::new(days.unsigned_abs()));
    let forth = |days: i64| date.checked_add_days(Days::new(days.unsigned_abs()));
    (if days < 0 { forth(days) } else { back(days) }).unwrap_or(NaiveDate::MIN)
}

/// Returns the first day of the month that many months before.
fn months_before(date: NaiveDate, months: u32) -> NaiveDate {
    CalendarUnit::Month.floor(date).checked_sub_months(Months::new(months)).unwrap_or(NaiveDate::MIN)
}

fn same_day(local: NaiveDateTime, months: u32) -> Option<NaiveDateTime> {
    Some(months_before(local.date(), months).with_day(local.day())?.and_time(local.time()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Berlin;

    fn day(date: &str) -> DateTime<Utc> {
        start_of_day(Berlin, date.parse().unwrap())
    }

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange { from: day(from), to: day(to) }
    }

    #[test]
    fn a_range_is_as_long_as_the_calendar_says() {
        assert_eq!(PeriodShift::length(range("2026-02-01", "2026-03-01"), Berlin, false), PeriodShift::Months(1));
        assert_eq!(PeriodShift::length(range("2026-02-01", "2026-03-01"), Berlin, true), PeriodShift::Days(28));
        assert_eq!(PeriodShift::length(range("2025-01-01", "2027-01-01"), Berlin, false), PeriodShift::Months(24));
        // The day of 25 hours.
        assert_eq!(PeriodShift::length(range("2026-10-25", "2026-10-26"), Berlin, false), PeriodShift::Days(1));
        let hours = TimeRange { from: day("2026-10-25"), to: day("2026-10-25") + TimeDelta::hours(5) };
        assert_eq!(PeriodShift::length(hours, Berlin, false), PeriodShift::Exact(TimeDelta::hours(5)));
    }

    #[test]
    fn clocks_show_the_same_time_that_far_back() {
        assert_eq!(PeriodShift::Days(1).back(day("2026-10-26"), Berlin), day("2026-10-25"));
        assert_eq!(PeriodShift::Days(-3).back(day("2026-10-24"), Berlin), day("2026-10-27"));
        assert_eq!(PeriodShift::Months(1).back(day("2026-03-28"), Berlin), day("2026-02-28"));
        assert_eq!(PeriodShift::Months(1).back(day("2026-03-31"), Berlin), day("2026-03-01"));
        assert_eq!(PeriodShift::Months(1).exactly_back(day("2026-03-31"), Berlin), None);
        assert_eq!(PeriodShift::Months(12).exactly_back(day("2024-02-29"), Berlin), None);
        assert_eq!(PeriodShift::Months(12).exactly_back(day("2024-03-01"), Berlin), Some(day("2023-03-01")));
    }

    #[test]
    fn a_day_that_begins_at_one_o_clock_is_shifted_to_the_start_of_another() {
        let day = |date: &str| start_of_day(chrono_tz::America::Havana, date.parse().unwrap());
        let back = |shift: PeriodShift| shift.back(day("2026-03-08"), chrono_tz::America::Havana);
        assert_eq!(day("2026-03-08").to_rfc3339(), "2026-03-08T05:00:00+00:00");
        assert_eq!(back(PeriodShift::Days(1)), day("2026-03-07"));
        assert_eq!(back(PeriodShift::Months(1)), day("2026-02-08"));
    }

    #[test]
    fn weeks_are_whole_and_long_enough() {
        let at = day("2026-03-01");
        assert_eq!(PeriodShift::Days(3).in_weeks(at, Berlin), PeriodShift::Days(7));
        assert_eq!(PeriodShift::Days(14).in_weeks(at, Berlin), PeriodShift::Days(14));
        // February has 28 days.
        assert_eq!(PeriodShift::Months(1).in_weeks(at, Berlin), PeriodShift::Days(28));
        assert_eq!(PeriodShift::Exact(TimeDelta::hours(5)).in_weeks(at, Berlin), PeriodShift::Days(7));
    }
}
