//! Local calendars: days, weeks, months and years of an IANA zone, as instants.
//!
//! A local day may have 23 or 25 hours, may begin at one in the morning, and on some islands one day did not exist.
//! So steps of a day or more are computed on dates, and each date is converted to its first instant; hours are never
//! added.

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta};
use chrono::{TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// A step of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarUnit {
    /// A local day.
    Day,
    /// An ISO week, from Monday.
    Week,
    /// A month.
    Month,
    /// Three months, from January, April, July or October.
    Quarter,
    /// A year.
    Year,
}

impl CalendarUnit {
    /// Returns the first date of the unit that contains `date`.
    pub fn floor(self, date: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => date,
            Self::Week => date.week(Weekday::Mon).first_day(),
            Self::Month => date.with_day(1).unwrap_or(date),
            Self::Quarter => date.with_day(1).and_then(|d| d.with_month0(d.month0() / 3 * 3)).unwrap_or(date),
            Self::Year => date.with_ordinal(1).unwrap_or(date),
        }
    }

    /// Returns the first date of the unit after the one that begins on `start`.
    pub fn next(self, start: NaiveDate) -> NaiveDate {
        let next = match self {
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Week => start.checked_add_days(Days::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Quarter => start.checked_add_months(Months::new(3)),
            Self::Year => start.checked_add_months(Months::new(12)),
        };
        next.unwrap_or(NaiveDate::MAX)
    }

    /// Returns the first date of the unit before the one that begins on `start`.
    pub fn previous(self, start: NaiveDate) -> NaiveDate {
        self.floor(start.pred_opt().unwrap_or(NaiveDate::MIN))
    }
}

/// Returns the date on local clocks.
pub fn local_date(zone: Tz, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// Returns the first instant of a local day.
pub fn start_of_day(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    first_instant(zone, date.and_time(NaiveTime::MIN))
}

/// Returns the start of the hour on local clocks; some zones are not whole hours from UTC.
pub fn start_of_hour(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let offset = i64::from(at.with_timezone(&zone).offset().fix().local_minus_utc());
    let into_hour = (at.timestamp() + offset).rem_euclid(3_600);
    DateTime::from_timestamp(at.timestamp() - into_hour, 0).unwrap_or(at)
}

/// Returns the first instant at which local clocks show `local` or later.
pub fn first_instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => end_of_jump(zone, local),
    }
}

/// Returns the instant at which clocks jump over `local`, by bisection: offsets are less than a day.
fn end_of_jump(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let day = TimeDelta::hours(26);
    let (mut before, mut after) = (local.and_utc() - day, local.and_utc() + day);
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if middle.with_timezone(&zone).naive_local() < local {
            before = middle;
        } else {
            after = middle;
        }
    }
    after
}

/// Returns the instant as RFC 3339 with the zone's offset.
pub fn in_zone(zone: Tz, at: DateTime<Utc>) -> String {
    at.with_timezone(&zone).to_rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn midnight(zone: Tz, year: i32, month: u32, day: u32) -> String {
        start_of_day(zone, NaiveDate::from_ymd_opt(year, month, day).unwrap()).to_rfc3339()
    }

    #[test]
    fn a_day_begins_after_a_jump_over_its_midnight() {
        // Beirut: 2026-03-29, clocks go from 00:00 to 01:00.
        assert_eq!(midnight(chrono_tz::Asia::Beirut, 2026, 3, 29), "2026-03-28T22:00:00+00:00");
        assert_eq!(midnight(chrono_tz::Asia::Beirut, 2026, 3, 30), "2026-03-29T21:00:00+00:00");
    }

    #[test]
    fn a_day_begins_at_the_first_of_two_midnights() {
        // Havana: 2026-11-01, clocks go from 01:00 back to 00:00.
        assert_eq!(midnight(chrono_tz::America::Havana, 2026, 11, 1), "2026-11-01T04:00:00+00:00");
        assert_eq!(midnight(chrono_tz::America::Havana, 2026, 11, 2), "2026-11-02T05:00:00+00:00");
    }

    #[test]
    fn a_day_that_never_was_is_empty() {
        // Apia: 2011-12-30 did not exist.
        let apia = chrono_tz::Pacific::Apia;
        assert_eq!(midnight(apia, 2011, 12, 30), midnight(apia, 2011, 12, 31));
    }

    #[test]
    fn weeks_begin_on_monday() {
        let saturday = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let monday = CalendarUnit::Week.floor(saturday);
        assert_eq!(monday.to_string(), "2026-11-16");
        assert_eq!(CalendarUnit::Week.previous(monday).to_string(), "2026-11-09");
        assert_eq!(CalendarUnit::Month.previous(CalendarUnit::Month.floor(saturday)).to_string(), "2026-10-01");
        let quarter = CalendarUnit::Quarter.floor(saturday);
        assert_eq!(quarter.to_string(), "2026-10-01");
        assert_eq!(CalendarUnit::Quarter.next(quarter).to_string(), "2027-01-01");
        assert_eq!(CalendarUnit::Quarter.previous(quarter).to_string(), "2026-07-01");
    }
}
