//! Instants and windows.
//!
//! Providers write instants as ISO text with or without a zone, as epoch seconds or milliseconds, with
//! stray quotes, or as the text `null`. What they mean is decided here, once, by size and form.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// The instants the database accepts: from 2000 to 2100. Outside lies a unit mistake, not a session.
pub fn sane_range() -> (DateTime<Utc>, DateTime<Utc>) {
    (DateTime::UNIX_EPOCH + TimeDelta::days(10_957), DateTime::UNIX_EPOCH + TimeDelta::days(47_482))
}

/// The instant, if it lies in [`sane_range`].
pub fn sane(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (first, last) = sane_range();
    (at >= first && at < last).then_some(at)
}

/// Reads an instant from a number: above 10^11 milliseconds, else seconds. Microseconds fall outside
/// the sane range and are refused.
pub fn from_epoch(number: rust_decimal::Decimal) -> Option<DateTime<Utc>> {
    use rust_decimal::prelude::ToPrimitive;
    let thousand = rust_decimal::Decimal::from(1000);
    let millis = if number.abs() > rust_decimal::Decimal::from(100_000_000_000_i64) {
        number
    } else {
        number.checked_mul(thousand)?
    };
    let micros = millis.checked_mul(thousand)?.trunc().to_i64()?;
    sane(DateTime::from_timestamp_micros(micros)?)
}

/// Reads an instant from text: RFC 3339, or the same with a space for the `T`, with `+0530` for
/// `+05:30`, or without a zone (then UTC). Stray double quotes around it are dropped.
pub fn from_text(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim().trim_matches('"').trim();
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"))
        .map(|at| at.with_timezone(&Utc))
        .or_else(|_| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
                .map(|at| at.and_utc())
        })
        .ok()?;
    sane(to_micros(parsed))
}

/// Cuts to microseconds, the resolution of the database, so that what was stored compares equal.
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// A half-open range of time, `[from, to)`, whose completeness is claimed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// First instant inside.
    pub from: DateTime<Utc>,
    /// First instant after it.
    pub to: DateTime<Utc>,
}

impl Window {
    /// How long it is; zero where the ends are out of order.
    pub fn span(&self) -> TimeDelta {
        (self.to - self.from).max(TimeDelta::zero())
    }

    /// Cuts the window into `parts` of nearly equal length, in order, without gaps.
    pub fn split(&self, parts: u32) -> Vec<Self> {
        let parts = parts.max(1);
        let step = self.span() / i32::try_from(parts).unwrap_or(i32::MAX);
        (0..parts)
            .map(|index| {
                let offset = step * i32::try_from(index).unwrap_or(i32::MAX);
                let from = to_micros(self.from + offset);
                let to = if index + 1 == parts { self.to } else { to_micros(self.from + offset + step) };
                Self { from, to }
            })
            .collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from.to_rfc3339(), self.to.to_rfc3339())
    }
}
