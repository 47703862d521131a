//! The zone of a time: `Z`, `UTC`, an offset, or a name of the zone table.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::number;

/// The zones of RFC 2822 that have one meaning there, in hours.
const AMERICAN: [(&str, i32); 8] =
    [("EST", -5), ("EDT", -4), ("CST", -6), ("CDT", -5), ("MST", -7), ("MDT", -6), ("PST", -8), ("PDT", -7)];

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
