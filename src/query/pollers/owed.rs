//! What the tasks of a per-session stream owe, what was given up, and when that is too much.

use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

/// Tasks tried within this time are judged.
pub(super) const JUDGED: TimeDelta = TimeDelta::days(30);
/// Fewer losses than this are no pattern.
const FEW: i64 = 5;
/// A larger share of losses, percent, is a fault of the stream.
const MOST_PERCENT: i64 = 5;
/// The classes of tries that met nothing, and no fault.
const ABSENCES: [&str; 3] = ["not_found", "no_link", "zero_bytes"];

/// Tasks whose content a fault kept from being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Owed {
    /// What their last tries met.
    #[schema(example = "file_cut")]
    pub class: String,
    /// How many they are.
    #[schema(example = 2)]
    pub count: i64,
}

impl Owed {
    pub(super) fn list(classes: &[String], counts: &[i64]) -> Vec<Self> {
        classes.iter().zip(counts).map(|(class, count)| Self { class: class.clone(), count: *count }).collect()
    }

    /// Whether a fault is behind it, and not an answer that nothing is there which a second reading is to confirm.
    pub(super) fn is_fault(&self) -> bool {
        !ABSENCES.contains(&self.class.as_str())
    }
}

/// Tasks that were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GivenUp {
    /// `failed`, `expired`, `empty`, or `available` for content of which a part is missing.
    #[schema(example = "failed")]
    pub state: String,
    /// What their last tries met.
    #[schema(example = "file_cut")]
    pub class: String,
    /// How many they are.
    #[schema(example = 1)]
    pub count: i64,
}

impl GivenUp {
    pub(super) fn list(states: &[String], classes: &[String], counts: &[i64]) -> Vec<Self> {
        let all = states.iter().zip(classes).zip(counts);
        all.map(|((state, class), count)| Self { state: state.clone(), class: class.clone(), count: *count }).collect()
    }
}

/// How many of the tasks tried lately were given up because of a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Losses {
    pub(super) tried: i64,
    pub(super) lost: i64,
}

impl Losses {
    /// Whether so much was lost that an operator should look.
    pub(super) fn are_many(self) -> bool {
        self.lost >= FEW && self.lost * 100 > self.tried * MOST_PERCENT
    }

    pub(super) fn share(self) -> Option<f64> {
        let count = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
        (self.tried > 0).then(|| count(self.lost) / count(self.tried))
    }

    pub(super) fn advice(self) -> Option<&'static str> {
        self.are_many().then_some(
            "Much of this stream could not be read and was given up. Once the provider is well, have it tried again: \
             `tributary replay --artifacts`, or POST /v1/sync/sources/{slug}/artifacts/retry.",
        )
    }
}
