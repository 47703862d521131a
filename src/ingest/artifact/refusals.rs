//! Waits after refused calls. A part of [`crate::ingest::artifact::retry_schedule`]. Pure functions.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::artifact::task::Task;

/// The first wait after a refusal; it doubles with each further one.
const AFTER_REFUSAL: TimeDelta = TimeDelta::minutes(5);
/// Longest wait after a refusal while the provider still keeps the data,
const LONGEST_REFUSED: TimeDelta = TimeDelta::hours(1);
/// and the number of tries after which it is given up once the provider has deleted the data.
const MOST_REFUSALS: i32 = 30;
/// Longest wait once the provider has deleted the data.
const LONGEST_AFTERWARDS: TimeDelta = TimeDelta::days(1);

/// Returns when to retry after a refusal, counted from `from`. It waits longer than other tasks, so that one
/// session that is always refused is not always next, but never so long that the data is lost meanwhile. A
/// credential may be wrong for weeks, so this gives up late.
pub(super) fn after_refusal(task: &Task, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let doublings = u32::try_from(task.attempts.clamp(1, 16) - 1).unwrap_or_default();
    let wait = AFTER_REFUSAL * 2_i32.saturating_pow(doublings);
    match task.expires_at {
        Some(expires_at) if expires_at <= from && task.attempts >= MOST_REFUSALS => None,
        Some(expires_at) if expires_at <= from => Some(from + wait.min(LONGEST_AFTERWARDS)),
        Some(expires_at) => {
            let half_way = ((expires_at - from) / 2).max(TimeDelta::minutes(1));
            Some(from + wait.min(LONGEST_REFUSED).min(half_way))
        }
        None => Some(from + wait.min(LONGEST_REFUSED)),
    }
}
