//! Dates with the name of their month: RFC 2822, the three date formats of HTTP, server logs, and the output of
//! `date` and JavaScript. The parts may have any order, since the name shows which number is the day.

use chrono::{Datelike as _, Month, NaiveDate, Weekday};

use super::clock_time::{ClockTime, Zone};

/// The parts found so far.
#[derive(Debug, Default)]
struct Parts {
    weekday: Option<Weekday>,
    day: Option<u32>,
    month: Option<Month>,
    year: Option<i32>,
    time: Option<ClockTime>,
    zone: Option<Zone>,
}

/// Parses date, time and zone of `text`.
pub(super) fn read(text: &str) -> Option<(NaiveDate, ClockTime, Zone)> {
    let mut parts = Parts::default();
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty() && *word != "at").peekable();
    while let Some(word) = words.next() {
        // `10:00 PM` is one part
        let half_day = |mark: &&str| ["am", "pm"].iter().any(|half| mark.eq_ignore_ascii_case(half));
        match words.next_if(half_day) {
            Some(mark) => parts.take(&format!("{word} {mark}"))?,
            None => parts.take(word)?,
        }
    }
    let date = NaiveDate::from_ymd_opt(parts.year?, parts.month?.number_from_month(), parts.day?)?;
    let is_right_weekday = parts.weekday.is_none_or(|weekday| weekday == date.weekday());
    let time = parts.time.filter(|time| time.has_minutes && is_right_weekday)?;
    Some((date, time, parts.zone.unwrap_or(Zone::Unsaid)))
}

/// Stores `value` in an empty place; fails where there is a value already.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

impl Parts {
    fn take(&mut self, word: &str) -> Option<()> {
        if let Some((day, rest)) = word.split_once(['-', '/']).filter(|(day, _)| matches!(day.len(), 1 | 2)) {
            return self.take_date(day, rest);
        }
        // `2026-Nov-25`
        if let Some((year, rest)) = word.split_once('-').filter(|(year, _)| year.len() == 4) {
            let (month, day) = rest.split_once('-')?;
            return [day, month, year].into_iter().try_for_each(|part| self.take(part));
        }
        if word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
            let (time, rest) = ClockTime::read(word)?;
            put(&mut self.time, time)?;
            return if rest.is_empty() { Some(()) } else { put(&mut self.zone, Zone::word(rest)?) };
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return match word.len() {
                // the old year of mail, `Wed, 25 Nov 26`; beyond 49 it means the century before
                2 if self.weekday.and(self.day).is_some() && self.month.is_some() => {
                    put(&mut self.year, word.parse::<i32>().ok().filter(|year| *year < 50)? + 2000)
                }
                1 | 2 => put(&mut self.day, word.parse().ok()?),
                4 => put(&mut self.year, word.parse().ok()?),
                _ => None,
            };
        }
        let name = word.trim_end_matches('.');
        match (name.parse(), name.parse()) {
            (Ok(weekday), _) => put(&mut self.weekday, weekday),
            (_, Ok(month)) => put(&mut self.month, month),
            _ => put(&mut self.zone, Zone::word(word)?),
        }
    }

    /// Parses a date in one word, after its day: `20-Nov-26`, and `20/Nov/2026:10:00:00` of server logs.
    fn take_date(&mut self, day: &str, rest: &str) -> Option<()> {
        let (month, rest) = rest.split_once(['-', '/'])?;
        let (year, time) = rest.split_once(':').map_or((rest, None), |(year, time)| (year, Some(time)));
        put(&mut self.day, day.parse().ok()?)?;
        put(&mut self.month, month.parse().ok()?)?;
        let number: i32 = year.parse().ok()?;
        let year = match year.len() {
            4 => number,
            // two digits, by the rule of HTTP's dates
            2 => number + if number < 70 { 2000 } else { 1900 },
            _ => return None,
        };
        put(&mut self.year, year)?;
        time.map_or(Some(()), |time| self.take(time))
    }
}
