//! Start times of sessions, and random values in the distributions that sessions need.
//!
//! Starts follow the hour and the day: most fall on mornings and afternoons of working days, few at night. The last
//! minutes before the present and the hours after it are filled evenly, so that a user of the demo sees changes. All
//! random numbers come from one seeded generator.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

/// Rate of each hour of the day relative to the busiest, UTC.
const HOURS: [f64; 24] = [
    0.06, 0.04, 0.03, 0.03, 0.05, 0.10, 0.25, 0.50, 0.80, 0.95, 1.00, 0.90, 0.70, 0.85, 0.95, 0.90, 0.75, 0.60, 0.50,
    0.42, 0.35, 0.25, 0.15, 0.10,
];
/// Rate of each day relative to the busiest, from Monday.
const WEEKDAYS: [f64; 7] = [0.95, 1.00, 1.00, 0.95, 0.80, 0.35, 0.30];
/// How long before the present the even distribution begins.
const LIVELY: TimeDelta = TimeDelta::minutes(40);
/// Share of sessions created at the same instant as the one before.
const TIES: f64 = 0.02;

/// Number of sessions of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// In the past.
    pub history: usize,
    /// Sessions in each future hour; the last minutes before the present have the same rate.
    pub per_hour_ahead: u32,
}

/// The time a world covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: DateTime<Utc>,
    pub(super) now: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

/// Returns creation times, oldest first, in whole milliseconds; some are equal.
pub(super) fn starts(rng: &mut SmallRng, volume: Volume, span: Span) -> Vec<DateTime<Utc>> {
    let lively = evenly(volume, LIVELY).min(volume.history / 4);
    let ahead = evenly(volume, span.to - span.now);
    let mut starts: Vec<DateTime<Utc>> = Vec::with_capacity(volume.history + ahead);
    starts.extend((lively..volume.history).map(|_| by_hour_and_day(rng, span.from, span.now)));
    starts.extend((0..lively).map(|_| between(rng, span.now - LIVELY, span.now)));
    starts.sort();
    starts.extend((0..ahead).map(|_| between(rng, span.now, span.to)));
    starts[volume.history..].sort();
    for index in 1..starts.len() {
        // Not across the present: otherwise the history would not have the requested size.
        if index != volume.history && rng.random_bool(TIES) {
            starts[index] = starts[index - 1];
        }
    }
    starts
}

fn evenly(volume: Volume, length: TimeDelta) -> usize {
    usize::try_from(i64::from(volume.per_hour_ahead) * length.num_minutes() / 60).unwrap_or(0)
}

fn by_hour_and_day(rng: &mut SmallRng, from: DateTime<Utc>, to: DateTime<Utc>) -> DateTime<Utc> {
    loop {
        let at = between(rng, from, to);
        let weekday = WEEKDAYS[at.weekday().num_days_from_monday() as usize];
        if rng.random_bool(HOURS[at.hour() as usize] * weekday) {
            return at;
        }
    }
}

fn between(rng: &mut SmallRng, from: DateTime<Utc>, to: DateTime<Utc>) -> DateTime<Utc> {
    let span_ms = (to - from).num_milliseconds().max(1);
    let at = from + TimeDelta::milliseconds(rng.random_range(0..span_ms));
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

/// Returns a random length of time from `least` to below `most`, milliseconds, nearer to `least` as a rule: the
/// smaller of two uniform draws.
pub(super) fn skewed_ms(rng: &mut SmallRng, least: TimeDelta, most: TimeDelta) -> i64 {
    let range = least.num_milliseconds()..most.num_milliseconds();
    rng.random_range(range.clone()).min(rng.random_range(range))
}

/// Returns one of several, each with equal probability.
pub(super) fn pick<T: Copy>(rng: &mut SmallRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

/// Returns a random UUID of version 4 as text.
pub(super) fn uuid_v4(rng: &mut SmallRng) -> String {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
}

/// Returns a generator seeded by these words alone, so that its values can be reproduced on demand.
pub(super) fn seeded(words: &[&str]) -> SmallRng {
    let hash: [u8; 32] = Sha256::digest(words.join("\n")).into();
    SmallRng::seed_from_u64(u64::from_le_bytes(hash.first_chunk().copied().unwrap_or_default()))
}

/// Returns a random UUID marked as version 1, as text.
pub(super) fn uuid_v1(rng: &mut SmallRng) -> String {
    uuid::Builder::from_bytes(rng.random())
        .with_variant(uuid::Variant::RFC4122)
        .with_version(uuid::Version::Mac)
        .into_uuid()
        .to_string()
}

/// Returns ISO text with milliseconds and `Z`.
pub(super) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
