//! Instants and windows.
//!
//! Providers write instants in many forms: ISO text with or without a zone, the dates of mail and HTTP, epoch
//! numbers in several units. This module parses them in one place, for records and files of every provider.

mod spelling;
mod wrapped;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

/// Returns the range of instants that the database accepts: from 2000 to 2100. An instant outside is a unit mistake.
pub fn sane_range() -> (DateTime<Utc>, DateTime<Utc>) {
    (DateTime::UNIX_EPOCH + TimeDelta::days(10_957), DateTime::UNIX_EPOCH + TimeDelta::days(47_482))
}

/// Returns the instant, if it lies in [`sane_range`].
pub fn sane(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (first, last) = sane_range();
    (at >= first && at < last).then_some(at)
}

/// Converts a number of seconds, milliseconds, microseconds or nanoseconds since 1970. Within the sane range no
/// number is possible in two units, so the size shows the unit.
pub fn from_epoch(number: Decimal) -> Option<DateTime<Utc>> {
    use rust_decimal::prelude::ToPrimitive;
    let up_to = |zeros: u32| number.abs() <= Decimal::from(10_i64.pow(zeros));
    let micros = if up_to(11) {
        number.checked_mul(Decimal::from(1_000_000))?
    } else if up_to(14) {
        number.checked_mul(Decimal::from(1000))?
    } else if up_to(17) {
        number
    } else {
        number.checked_div(Decimal::from(1000))?
    };
    sane(DateTime::from_timestamp_micros(micros.trunc().to_i64()?)?)
}

/// Parses an instant: an epoch number, a [`wrapped`] one, or any [`spelling`] that has one meaning. Without a zone it
/// is UTC. Stray double quotes around it are dropped.
pub fn from_text(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim().trim_matches('"').trim();
    if text.starts_with('{') {
        return sane(to_micros(wrapped::instant(text)?));
    }
    // the form of JSON in .NET: milliseconds
    let text = text.strip_prefix("/Date(").and_then(|inside| inside.strip_suffix(")/")).unwrap_or(text);
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return sane(to_micros(at.to_utc()));
    }
    let number = text.parse().or_else(|_| Decimal::from_scientific(text)).ok();
    number.and_then(from_epoch).or_else(|| sane(to_micros(spelling::instant(text)?)))
}

/// Truncates to microseconds, the resolution of the database, so that a stored instant compares equal.
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// A half-open range of time, `[from, to)`, whose completeness is claimed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// First instant.
    pub from: DateTime<Utc>,
    /// End, exclusive.
    pub to: DateTime<Utc>,
}

impl Window {
    /// Returns the length; zero where the ends are out of order.
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
