//! Alerts: what is compared with what, and when an incident opens or is resolved.
//!
//! A threshold is compared with whole buckets, each once and in order. One that is not complete yet holds back those
//! after it, until [`MAX_WAIT_BUCKETS`] later ones have ended; then it is passed over and decides nothing. A budget is
//! compared with the sum so far, which only grows: it may show that a level is reached, never that it is not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

/// The definition of an alert. Of instances with another one, that which was configured last is in force, until it has
/// evaluated nothing for ten minutes.
#[derive(Debug, Clone)]
pub struct AlertDefinition {
    /// Hash of query and limits.
    pub hash: Vec<u8>,
    /// Since when the instance has it.
    pub configured_at: DateTime<Utc>,
}

/// Buckets that may end after one that is not complete before it is passed over.
pub const MAX_WAIT_BUCKETS: usize = 3;

/// The limit of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertLimit {
    /// A value of a bucket.
    Threshold {
        /// Whether a greater value crosses it; otherwise a lower one.
        is_above: bool,
        /// The value that does not cross it yet.
        limit: Decimal,
        /// Buckets in a row that must cross it.
        for_buckets: u32,
        /// Buckets in a row that must not cross it, to resolve the incident.
        resolve_buckets: u32,
    },
    /// A sum of a month.
    MonthlyBudget {
        /// The whole.
        budget: Decimal,
        /// Levels of it, percent.
        levels: BTreeSet<u32>,
    },
}

/// The value of one bucket, and whether it is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketValue {
    /// Begin of the bucket.
    pub from: DateTime<Utc>,
    /// End of the bucket, exclusive.
    pub to: DateTime<Utc>,
    /// The value; `None`: see `reason`.
    pub value: Option<Decimal>,
    /// Reason for a missing value.
    pub reason: Option<&'static str>,
    /// Status of the bucket.
    pub status: &'static str,
    /// Whether all streams behind it are proven over it.
    pub is_complete: bool,
    /// Rows that lack the data.
    pub unknown_count: i64,
}

/// The reason why a bucket was not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Begin of the bucket; `None`: the query failed.
    pub from: Option<DateTime<Utc>>,
    /// Status of the bucket, or the reason for its missing value.
    pub reason: String,
}

/// What a comparison leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertStep {
    /// An incident opens.
    Open {
        /// The level, percent; `None`: a threshold.
        level: Option<u32>,
        /// The limit that is crossed.
        limit: Decimal,
        /// The bucket.
        bucket: BucketValue,
        /// Its value.
        value: Decimal,
    },
    /// The open incident of the threshold, or of a level in a month, is resolved.
    Resolve {
        /// The level, percent; `None`: a threshold.
        level: Option<u32>,
        /// Begin of the month; `None`: a threshold.
        month: Option<DateTime<Utc>>,
        /// The last value, if it is known.
        value: Option<Decimal>,
        /// `cleared` or `period_ended`.
        reason: &'static str,
    },
}

/// How far a threshold was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertProgress {
    /// End of the last bucket that was compared or passed over.
    pub through: Option<DateTime<Utc>>,
    /// Buckets in a row that crossed, up to the last one.
    pub crossing: u32,
    /// Buckets in a row that did not.
    pub clear: u32,
    /// Whether an incident is open.
    pub is_open: bool,
    /// The last bucket that was compared.
    pub last: Option<BucketValue>,
    /// The bucket that holds the comparison back.
    pub held: Option<Held>,
}

/// Compares a threshold with the buckets after `progress.through` that have ended; the first time, with those that may
/// open an incident.
pub fn follow_threshold(
    (is_above, limit): (bool, Decimal),
    (for_buckets, resolve_buckets): (u32, u32),
    progress: &mut AlertProgress,
    buckets: &[BucketValue],
    now: DateTime<Utc>,
) -> Vec<AlertStep> {
    let mut ended: Vec<&BucketValue> = buckets.iter().filter(|bucket| bucket.to <= now).collect();
    match progress.through {
        Some(through) => ended.retain(|bucket| bucket.from >= through),
        None => drop(ended.drain(..ended.len().saturating_sub(for_buckets.try_into().unwrap_or(usize::MAX)))),
    }
    // buckets that are not read any more lie between: those after them are not in a row with those before
    if ended.first().is_some_and(|first| progress.through.is_some_and(|through| first.from > through)) {
        (progress.crossing, progress.clear) = (0, 0);
    }
    progress.held = None;
    let mut steps = Vec::new();
    for (place, bucket) in ended.iter().enumerate() {
        let may_wait = ended.len() - place - 1 < MAX_WAIT_BUCKETS;
        let reason = match (bucket.is_complete, bucket.value) {
            (false, _) => Some(bucket.status),
            (true, Some(_)) if bucket.unknown_count > 0 && may_wait => Some("unknown_rows"),
            (true, None) if bucket.reason != Some("no_data") => Some(bucket.reason.unwrap_or("unknown")),
            (true, _) => None,
        };
        if let Some(reason) = reason {
            if may_wait {
                progress.held = Some(Held { from: Some(bucket.from), reason: reason.to_owned() });
                break;
            }
            (progress.crossing, progress.clear, progress.through) = (0, 0, Some(bucket.to));
            continue;
        }
        let value = bucket.value.filter(|value| if is_above { *value > limit } else { *value < limit });
        (progress.crossing, progress.clear) = if value.is_some() {
            (progress.crossing.saturating_add(1), 0)
        } else {
            (0, progress.clear.saturating_add(1))
        };
        if let Some(value) = value.filter(|_| !progress.is_open && progress.crossing >= for_buckets) {
            progress.is_open = true;
            steps.push(AlertStep::Open { level: None, limit, bucket: (*bucket).clone(), value });
        } else if progress.is_open && progress.clear >= resolve_buckets {
            progress.is_open = false;
            steps.push(AlertStep::Resolve { level: None, month: None, value: bucket.value, reason: "cleared" });
        }
        progress.through = Some(bucket.to);
        progress.last = Some((*bucket).clone());
    }
    steps
}

/// An incident of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetIncident {
    /// The level, percent.
    pub level: u32,
    /// Begin of its month.
    pub month: DateTime<Utc>,
    /// Whether it is open.
    pub is_open: bool,
}

/// Compares a budget with the last month and the current one. `since` is when the alert was first seen: a month that
/// was over then opens nothing.
pub fn follow_budget(
    (budget, levels): (Decimal, &BTreeSet<u32>),
    known: &[BudgetIncident],
    months: &[BucketValue],
    (since, now): (DateTime<Utc>, DateTime<Utc>),
) -> Vec<AlertStep> {
    let mut steps = Vec::new();
    for month in months.iter().filter(|month| month.to > since) {
        let Some(value) = month.value else { continue };
        for level in levels {
            let limit = budget * Decimal::from(*level) / Decimal::ONE_HUNDRED;
            let is_known = known.iter().any(|one| one.level == *level && one.month == month.from);
            if value >= limit && !is_known {
                steps.push(AlertStep::Open { level: Some(*level), limit, bucket: month.clone(), value });
            }
        }
    }
    for open in known.iter().filter(|incident| incident.is_open) {
        let month = months.iter().find(|month| month.from == open.month);
        // a month before the last one is not read any more
        if month.is_none_or(|month| month.to <= now && month.is_complete) {
            let value = month.and_then(|month| month.value);
            let (level, month) = (Some(open.level), Some(open.month));
            steps.push(AlertStep::Resolve { level, month, value, reason: "period_ended" });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn buckets_on_either_side_of_a_gap_are_not_in_a_row() {
        let midnight: DateTime<Utc> = "2026-03-10T00:00:00Z".parse().unwrap();
        let hour = |number: i32| midnight + TimeDelta::hours(1) * number;
        let above = |number: i32| BucketValue {
            from: hour(number),
            to: hour(number + 1),
            value: Some(Decimal::from(9)),
            reason: None,
            status: "complete",
            is_complete: true,
            unknown_count: 0,
        };
        let opened = |first: i32| {
            let mut progress = AlertProgress { through: Some(hour(2)), crossing: 2, ..AlertProgress::default() };
            let read = [above(first), above(first + 1)];
            let steps = follow_threshold((true, Decimal::ONE), (3, 1), &mut progress, &read, hour(first + 2));
            (steps.len(), progress.crossing)
        };
        assert_eq!(opened(2), (1, 4), "the third in a row opens an incident");
        assert_eq!(opened(40), (0, 2), "after a gap of 38 hours two are in a row");
    }
}
