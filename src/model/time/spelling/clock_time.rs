//! The time of day and its zone.
//!
//! A time has or lacks seconds, a fraction of any length, `am` or `pm`; `24:00` and a leap second are times. A zone is
//! `Z`, `UTC`, an offset, or a name of the zone table.

use chrono::{DateTime, FixedOffset, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// The zones of RFC 2822 that have one meaning there, in hours.
const AMERICAN: [(&str, i32); 8] =
    [("EST", -5), ("EDT", -4), ("CST", -6), ("CDT", -5), ("MST", -7), ("MDT", -6), ("PST", -8), ("PDT", -7)];

/// A time of day.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockTime {
    /// The time.
    pub(super) time: NaiveTime,
    /// Whether it is `24:00`, the midnight at the end of its day.
    pub(super) is_end_of_day: bool,
    /// Whether minutes are given.
    pub(super) has_minutes: bool,
}

impl ClockTime {
    /// Parses the time at the start of `text`; returns it and the rest.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        let (mut hour, mut rest) = number(text, 1, 2)?;
        let (mut minute, mut second, mut nanos) = (None, None, 0);
        let has_colons = rest.starts_with(':');
        if !has_colons && text.len() - rest.len() == 1 {
            return None;
        }
        for part in [&mut minute, &mut second] {
            let digits = if has_colons { rest.strip_prefix(':') } else { Some(rest) };
            let Some((value, after)) = digits.and_then(|digits| number(digits, 2, 2)) else { break };
            (*part, rest) = (Some(value), after);
        }
        if second.is_some()
            && let Some(digits) = rest.strip_prefix(['.', ','])
        {
            (nanos, rest) = fraction(digits)?;
        }
        // a digit or a separator that belongs to no part
        if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ',')) {
            return None;
        }
        if let Some((is_afternoon, after)) = half_day(rest) {
            hour = (1..=12).contains(&hour).then(|| hour % 12 + if is_afternoon { 12 } else { 0 })?;
            rest = after;
        }
        let (has_minutes, minute, second) = (minute.is_some(), minute.unwrap_or(0), second.unwrap_or(0));
        let is_end_of_day = hour == 24 && minute == 0 && second == 0 && nanos == 0;
        // a leap second is the last second of its minute plus one
        let (second, nanos) = if second == 60 { (59, nanos + 1_000_000_000) } else { (second, nanos) };
        let time = NaiveTime::from_hms_nano_opt(if is_end_of_day { 0 } else { hour }, minute, second, nanos)?;
        Some((Self { time, is_end_of_day, has_minutes }, rest))
    }
}

/// Parses the digits of a fraction as billionths; returns them and the rest. Digits beyond the ninth are dropped.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let kept = &text[..length.min(9)];
    let nanos = format!("{kept:0<9}").parse().ok()?;
    (length > 0).then_some((nanos, &text[length..]))
}

/// Returns whether `text` begins with `pm` rather than `am`, and the rest.
fn half_day(text: &str) -> Option<(bool, &str)> {
    let (mark, after) = text.trim_start().split_at_checked(2)?;
    let is_afternoon = mark.eq_ignore_ascii_case("pm");
    let is_mark = is_afternoon || mark.eq_ignore_ascii_case("am");
    (is_mark && !after.starts_with(char::is_alphanumeric)).then_some((is_afternoon, after))
}

/// A zone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Zone {
    /// No zone is given; this means UTC.
    Unsaid,
    /// A fixed distance from UTC.
    Offset(FixedOffset),
    /// A zone of the table, whose offset depends on the date.
    Named(Tz),
}

impl Zone {
    /// Parses a zone that fills all of `text`; `None` where it is something else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self::Unsaid);
        }
        if text.contains('/') {
            return Self::named(text);
        }
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, rest) = text.split_at(letters);
        let is_utc = ["Z", "UTC", "GMT", "UT"].iter().any(|utc| name.eq_ignore_ascii_case(utc));
        match rest {
            "" if is_utc => offset(0),
            rest if name.is_empty() || (is_utc && name.len() > 1) => offset_text(rest.trim_start()),
            _ => None,
        }
    }

    /// Parses a zone that is one word among others, including the American abbreviations of RFC 2822.
    pub(super) fn word(text: &str) -> Option<Self> {
        let american = AMERICAN.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
        american.map_or_else(|| Self::read(text), |(_, hours)| offset(hours * 3600))
    }

    /// Returns the zone of the table with this name, or the offset in its place.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.parse() {
            Ok(zone) => Some(Self::Named(zone)),
            Err(_) if name.contains('/') => None,
            Err(_) => Self::read(name).filter(|zone| matches!(zone, Self::Offset(_))),
        }
    }

    /// Returns the instant at which clocks of this zone show `at`; `None` where they never do, or do twice.
    pub(super) fn instant(self, at: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Self::Unsaid => Some(at.and_utc()),
            Self::Offset(offset) => Some(at.checked_sub_offset(offset)?.and_utc()),
            Self::Named(zone) => Some(zone.from_local_datetime(&at).single()?.to_utc()),
        }
    }
}

fn offset(seconds: i32) -> Option<Zone> {
    FixedOffset::east_opt(seconds).map(Zone::Offset)
}

/// Parses `+01`, `+1`, `+0100`, `+01:00`, `+01:00:00`, with or without an abbreviation after it.
fn offset_text(text: &str) -> Option<Zone> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = number(&text[1..], 1, 2)?;
    let mut seconds = hours * 3600;
    for unit in [60, 1] {
        let has_colon = rest.starts_with(':');
        if let Some((part, after)) = number(rest.strip_prefix(':').unwrap_or(rest), 2, 2) {
            seconds += (part < 60).then_some(part)? * unit;
            rest = after;
        } else if has_colon {
            return None;
        }
    }
    // Go repeats the zone's name: `+0100 CET`
    let note = rest.strip_prefix(' ').unwrap_or_default();
    let is_note = note.len() <= 5 && note.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_note || (note.is_empty() && !rest.is_empty()) {
        return None;
    }
    offset(sign * i32::try_from(seconds).ok()?)
}

/// Parses a number of `fewest` to `most` digits at the start of `text`; returns it and the rest.
pub(super) fn number(text: &str, fewest: usize, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < fewest { None } else { Some((text[..length].parse().ok()?, &text[length..])) }
}
