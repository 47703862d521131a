//! Text forms of an instant: ISO 8601 and RFC 3339, RFC 9557 with a zone in brackets, RFC 2822, the three date
//! formats of HTTP, and the output of common libraries.
//!
//! A form is accepted only if it has one meaning. Numeric dates that begin with the day or the month have two,
//! so they are refused. Text without a zone is UTC.

mod clock_time;
mod named_month;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};

use self::clock_time::{ClockTime, Zone, number};

/// Parses an instant; `None` where `text` is none, or is ambiguous.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text: String = text.chars().map(plain).collect();
    let (text, bracketed) = brackets(text.trim());
    // `(Central European Time)` only repeats the offset
    let text =
        text.split_once('(').filter(|(_, note)| note.ends_with(')')).map_or(text, |(before, _)| before.trim_end());
    let (date, time, zone) = iso(text).or_else(|| named_month::read(text))?;
    let zone = match (zone, bracketed) {
        (Zone::Unsaid, Some(name)) => Zone::named(name)?,
        (zone, _) => zone,
    };
    let date = if time.is_end_of_day { date.checked_add_signed(TimeDelta::days(1))? } else { date };
    zone.instant(date.and_time(time.time))
}

/// Turns every kind of space into a space, and the typographic minus into a hyphen.
fn plain(c: char) -> char {
    match c {
        '\u{2212}' => '-',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// Returns the text before the first bracket, and the zone in brackets: `[Europe/Berlin][u-ca=gregory]`.
fn brackets(text: &str) -> (&str, Option<&str>) {
    let Some((before, inside)) = text.split_once('[') else { return (text, None) };
    let Some(inside) = inside.strip_suffix(']') else { return (text, None) };
    let zone = inside.split("][").map(|name| name.trim_start_matches('!')).find(|name| !name.contains('='));
    (before.trim_end(), zone)
}

fn iso(text: &str) -> Option<(NaiveDate, ClockTime, Zone)> {
    // six digits for the year, as JavaScript and ISO 8601 write years beyond 9999
    let text = text.strip_prefix("+00").unwrap_or(text);
    let (date, rest) = iso_date(text)?;
    let after = rest.strip_prefix(['T', 't']).unwrap_or_else(|| rest.trim_start_matches([' ', ',']));
    // only a date of eight digits may be joined to its time
    let has_eight_digits = text.bytes().take_while(u8::is_ascii_digit).count() >= 8;
    if after.len() == rest.len() && !has_eight_digits {
        return None;
    }
    let (time, rest) = ClockTime::read(after)?;
    let zone = Zone::word(rest.trim())?;
    // an hour alone is an instant only beside a zone
    (time.has_minutes || !matches!(zone, Zone::Unsaid)).then_some((date, time, zone))
}

/// Parses a date that begins with its year; returns it and the rest.
fn iso_date(text: &str) -> Option<(NaiveDate, &str)> {
    let (year, rest) = number(text, 4, 4)?;
    let year = i32::try_from(year).ok()?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.'));
    let inside = separator.map_or(rest, |_| &rest[1..]);
    if let Some(rest) = inside.strip_prefix('W').filter(|_| !matches!(separator, Some('/' | '.'))) {
        let (week, rest) = number(rest, 2, 2)?;
        let (day, rest) = number(if separator.is_some() { rest.strip_prefix('-')? } else { rest }, 1, 1)?;
        let day = Weekday::try_from(u8::try_from(day.checked_sub(1)?).ok()?).ok()?;
        return Some((NaiveDate::from_isoywd_opt(year, week, day)?, rest));
    }
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 3 && matches!(separator, None | Some('-')) {
        let (day, rest) = number(inside, 3, 3)?;
        return Some((NaiveDate::from_yo_opt(year, day)?, rest));
    }
    let fewest = if separator.is_some() { 1 } else { 2 };
    let (month, rest) = number(inside, fewest, 2)?;
    let rest = separator.map_or(Some(rest), |separator| rest.strip_prefix(separator))?;
    let (day, rest) = number(rest, fewest, 2)?;
    Some((NaiveDate::from_ymd_opt(year, month, day)?, rest))
}
