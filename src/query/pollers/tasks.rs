//! The work list of a per-session stream: its tasks, those that are owed or given up, and the limit for them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Only tasks tried within this time count for the limit.
pub(super) const JUDGED: TimeDelta = TimeDelta::days(30);
/// Fewer losses than this are ignored.
const FEW: i64 = 5;
/// A larger share of losses, percent, makes the stream incomplete.
const MOST_PERCENT: i64 = 5;
/// The classes of tries that found nothing, or were not made for lack of calls, without an error.
const NO_FAULTS: [&str; 4] = ["not_found", "no_link", "zero_bytes", "rate_limited"];

/// The work list of one per-session stream: numbers of sessions by the state of their artifact.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Tasks {
    /// Not found so far; still retried.
    pub pending: i64,
    /// Stored.
    pub available: i64,
    /// The artifact existed and was empty.
    pub empty: i64,
    /// Requested in time and never made for this session.
    pub not_enabled: i64,
    /// No longer available when it could first be read.
    pub expired: i64,
    /// The artifact existed and could not be read; given up.
    pub failed: i64,
    /// Pending tasks whose last try failed with an error, not just an absence.
    pub troubled: i64,
    /// Due now.
    pub due: i64,
    /// Due time of the oldest due task.
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// Due tasks whose content expires before it is read, at the pace of the last hour.
    pub will_expire: i64,
    /// Owed content: an error prevented the read, and it is neither read nor given up. By class of the last try.
    pub owed: Vec<Owed>,
    /// The earliest next try of owed content.
    pub owed_next_try_at: Option<DateTime<Utc>>,
    /// Tasks that were given up, by state and class.
    pub given_up: Vec<GivenUp>,
    /// Share of the tasks tried within 30 days that were given up because of an error, 0 to 1; null: none was tried.
    pub lost_share: Option<f64>,
    /// Advice for operators about the tasks given up; null: nothing needs to be done.
    pub advice: Option<&'static str>,
}

/// Tasks whose content could not be read because of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Owed {
    /// Result of their last tries.
    pub class: String,
    /// Number of tasks.
    pub count: i64,
}

impl Owed {
    pub(super) fn list(classes: &[String], counts: &[i64]) -> Vec<Self> {
        classes.iter().zip(counts).map(|(class, count)| Self { class: class.clone(), count: *count }).collect()
    }

    /// Returns whether an error is behind it: not an absence that a second try is to confirm, nor a lack of calls.
    pub(super) fn is_fault(&self) -> bool {
        !NO_FAULTS.contains(&self.class.as_str())
    }
}

/// Tasks that were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GivenUp {
    /// `failed`, `expired`, `empty`, or `available` for content with a missing part.
    pub state: String,
    /// Result of their last tries.
    pub class: String,
    /// Number of tasks.
    pub count: i64,
}

impl GivenUp {
    pub(super) fn list(states: &[String], classes: &[String], counts: &[i64]) -> Vec<Self> {
        let all = states.iter().zip(classes).zip(counts);
        all.map(|((state, class), count)| Self { state: state.clone(), class: class.clone(), count: *count }).collect()
    }
}

/// Number of recently tried tasks that were given up because of an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Losses {
    pub(super) tried: i64,
    pub(super) lost: i64,
}

impl Losses {
    /// Returns whether an operator should look at the losses.
    pub(super) fn are_many(self) -> bool {
        self.lost >= FEW && self.lost * 100 > self.tried * MOST_PERCENT
    }

    pub(super) fn share(self) -> Option<f64> {
        let count = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
        (self.tried > 0).then(|| count(self.lost) / count(self.tried))
    }

    pub(super) fn advice(self) -> Option<&'static str> {
        self.are_many().then_some(
            "Many tasks of this stream could not be read and were given up. Once the provider is healthy, retry them: \
             `tributary replay --artifacts`, or POST /v1/sync/sources/{slug}/artifacts/retry.",
        )
    }
}
