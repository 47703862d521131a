//! The times of a transcript: numbers from the start of the session or of the epoch, or ISO text.
//!
//! The size of a number shows which start it has, and fractions show seconds. An utterance lies within a week of the
//! start of its session, so any other time is unknown. This module knows no format.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::connector::record::{DriftItems, decimal};
use crate::model::time;
use crate::model::transcript::TranscriptSegment;

/// A week. Smaller numbers are offsets; as seconds since the epoch they would denote times before 2000.
const LARGEST_OFFSET_MS: i64 = 7 * 24 * 3_600_000;

/// Time after the end of a session within which it may still be transcribed.
const AFTER_END: TimeDelta = TimeDelta::hours(1);

/// The time of an utterance, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    offset_ms: i64,
    at: Option<DateTime<Utc>>,
}

/// The clock of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    started_at: DateTime<Utc>,
    /// Beyond this, fractions are not of seconds.
    longest_ms: i64,
    /// Milliseconds in a unit of the file's numbers.
    unit_ms: i64,
}

impl Times {
    /// Creates the clock of a session, by which numbers are milliseconds.
    pub(super) fn of(started_at: DateTime<Utc>, ended_at: Option<DateTime<Utc>>) -> Self {
        let longest_ms = ended_at.map(|ended_at| (ended_at - started_at + AFTER_END).num_milliseconds());
        let longest_ms = longest_ms.filter(|ms| *ms > 0).unwrap_or(LARGEST_OFFSET_MS).min(LARGEST_OFFSET_MS);
        Self { started_at, longest_ms, unit_ms: 1 }
    }

    /// Returns the clock for a file with these times. Fractions are of seconds, unless a number would then lie beyond
    /// the end of the session.
    pub(super) fn for_file<'t>(self, times: impl Iterator<Item = &'t str>) -> Self {
        let largest = Decimal::from(LARGEST_OFFSET_MS);
        let offsets: Vec<Decimal> = times.filter_map(decimal).filter(|number| *number < largest).collect();
        let are_seconds = offsets.iter().any(|number| !number.is_integer())
            && offsets.iter().all(|number| *number < Decimal::from(self.longest_ms) / Decimal::ONE_THOUSAND);
        if are_seconds { self.in_seconds() } else { self }
    }

    /// Returns the clock by which numbers are seconds.
    pub(super) fn in_seconds(self) -> Self {
        Self { unit_ms: 1000, ..self }
    }

    /// Returns the moment this long after the start; `None` beyond the largest offset.
    pub(super) fn after(&self, offset_ms: i64) -> Option<Moment> {
        let at = self.started_at.checked_add_signed(TimeDelta::try_milliseconds(offset_ms)?);
        (0..LARGEST_OFFSET_MS).contains(&offset_ms).then(|| Moment { offset_ms, at: at.and_then(time::sane) })
    }

    /// Returns the moment that a text denotes.
    pub(super) fn moment(&self, text: &str) -> Option<Moment> {
        let number = decimal(text).and_then(|number| number.checked_mul(Decimal::from(self.unit_ms)));
        if let Some(ms) = number.filter(|ms| *ms < Decimal::from(LARGEST_OFFSET_MS)) {
            return self.after(ms.round().to_i64()?);
        }
        let at = time::from_text(text)?;
        let offset_ms = (at - self.started_at).num_milliseconds();
        (offset_ms.abs() < LARGEST_OFFSET_MS).then_some(Moment { offset_ms, at: Some(at) })
    }

    /// Returns the moment that a text denotes; counts drift where it denotes none.
    pub(super) fn read(&self, text: &str, path: &str, drift: &DriftItems) -> Option<Moment> {
        let moment = self.moment(text);
        if moment.is_none() {
            drift.count("unreadable_value", path, "");
        }
        moment
    }

    /// Creates a segment with its times only. An end before the start is dropped.
    #[expect(clippy::unused_self, reason = "a session's times make its segments")]
    pub(super) fn segment(&self, start: Option<Moment>, end: Option<Moment>, drift: &DriftItems) -> TranscriptSegment {
        let end_offset_ms = end.map(|end| end.offset_ms).filter(|end| {
            let is_before = start.is_some_and(|start| *end < start.offset_ms);
            if is_before {
                drift.count("unreadable_value", "/endTime", "before startTime");
            }
            !is_before
        });
        TranscriptSegment {
            offset_ms: start.map(|start| start.offset_ms),
            end_offset_ms,
            started_at: start.and_then(|start| start.at),
            ..TranscriptSegment::default()
        }
    }
}
