//! Named ranges of time: `today`, `last_28_days`, `previous_month`.
//!
//! Ranges are half-open and follow the calendar of a zone. `last_N_days` means N local calendar days, including
//! today; `last_N_hours` means N clock hours, including the current one. So a named range stays the same for a whole
//! day or hour, and its answer can be cached.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::model::time::sane_range;
use crate::query::calendar::{CalendarUnit, local_date, start_of_day, start_of_hour};

/// A half-open range of time, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First instant inside.
    pub from: DateTime<Utc>,
    /// First instant after it.
    pub to: DateTime<Utc>,
}

/// Most days or hours of a `last_N_…` range.
pub const MAX_LAST: u32 = 36_500;

/// The accepted names, with `N` for a number from 1 to [`MAX_LAST`].
pub const NAMES: [&str; 12] = [
    "today",
    "yesterday",
    "last_N_days",
    "last_N_hours",
    "this_week",
    "this_month",
    "this_quarter",
    "this_year",
    "previous_week",
    "previous_month",
    "previous_quarter",
    "previous_year",
];

impl TimeRange {
    /// Returns the ranges between each start and its end.
    pub(in crate::query) fn between(starts: &[DateTime<Utc>], ends: &[DateTime<Utc>]) -> Vec<Self> {
        starts.iter().zip(ends).map(|(&from, &to)| Self { from, to }).collect()
    }

    /// Returns the range of all instants that can be stored.
    pub fn everything() -> Self {
        let (from, to) = sane_range();
        Self { from, to }
    }

    /// Returns whether the two have an instant in common.
    pub fn touches(self, other: Self) -> bool {
        self.from < other.to && self.to > other.from
    }

    /// Returns whether it contains the whole of another range.
    pub fn covers(self, other: Self) -> bool {
        self.from <= other.from && self.to >= other.to
    }

    /// Returns the range of that name around `now`; `None` if the name is not one of [`NAMES`].
    pub fn named(name: &str, now: DateTime<Utc>, zone: Tz) -> Option<Self> {
        let today = local_date(zone, now);
        let this = |unit: CalendarUnit| {
            let start = unit.floor(today);
            Self::dates(zone, start, unit.next(start))
        };
        let previous = |unit: CalendarUnit| {
            let end = unit.floor(today);
            Self::dates(zone, unit.previous(end), end)
        };
        Some(match name {
            "today" => this(CalendarUnit::Day),
            "yesterday" => previous(CalendarUnit::Day),
            "this_week" => this(CalendarUnit::Week),
            "this_month" => this(CalendarUnit::Month),
            "this_quarter" => this(CalendarUnit::Quarter),
            "this_year" => this(CalendarUnit::Year),
            "previous_week" => previous(CalendarUnit::Week),
            "previous_month" => previous(CalendarUnit::Month),
            "previous_quarter" => previous(CalendarUnit::Quarter),
            "previous_year" => previous(CalendarUnit::Year),
            _ => return Self::last(name, now, zone),
        })
    }

    fn last(name: &str, now: DateTime<Utc>, zone: Tz) -> Option<Self> {
        let (count, unit) = name.strip_prefix("last_")?.split_once('_')?;
        let count = count.parse::<u32>().ok().filter(|count| (1..=MAX_LAST).contains(count))?;
        match unit {
            "days" => {
                let today = local_date(zone, now);
                let first = today.checked_sub_days(Days::new(u64::from(count) - 1))?;
                Some(Self::dates(zone, first, CalendarUnit::Day.next(today)))
            }
            "hours" => {
                let this_hour = start_of_hour(zone, now);
                let from = this_hour - TimeDelta::hours(i64::from(count) - 1);
                Some(Self { from, to: this_hour + TimeDelta::hours(1) })
            }
            _ => None,
        }
    }

    /// Returns the range from the beginning of one local day to the beginning of another.
    fn dates(zone: Tz, from: NaiveDate, to: NaiveDate) -> Self {
        Self { from: start_of_day(zone, from), to: start_of_day(zone, to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<(String, String)> {
        // Saturday; in Berlin it is already 00:30 of the 21st.
        let now = "2026-11-20T23:30:00Z".parse().unwrap();
        let range = TimeRange::named(name, now, chrono_tz::Europe::Berlin)?;
        Some((range.from.to_rfc3339(), range.to.to_rfc3339()))
    }

    fn is(name: &str, from: &str, to: &str) {
        assert_eq!(named(name), Some((format!("{from}:00+00:00"), format!("{to}:00+00:00"))), "{name}");
    }

    #[test]
    fn names_follow_the_local_calendar() {
        is("today", "2026-11-20T23:00", "2026-11-21T23:00");
        is("yesterday", "2026-11-19T23:00", "2026-11-20T23:00");
        is("last_1_days", "2026-11-20T23:00", "2026-11-21T23:00");
        is("last_28_days", "2026-10-24T22:00", "2026-11-21T23:00");
        is("last_2_hours", "2026-11-20T22:00", "2026-11-21T00:00");
        is("this_week", "2026-11-15T23:00", "2026-11-22T23:00");
        is("previous_month", "2026-09-30T22:00", "2026-10-31T23:00");
        is("this_quarter", "2026-09-30T22:00", "2026-12-31T23:00");
        is("previous_quarter", "2026-06-30T22:00", "2026-09-30T22:00");
        is("previous_year", "2024-12-31T23:00", "2025-12-31T23:00");
    }

    #[test]
    fn other_names_are_none() {
        for name in ["last_0_days", "last_x_days", "last_5_moons", "last_999999_days", "tomorrow", ""] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
