//! Rate cards: what a minute, a session or a resolution costs at a source, and how minutes are rounded.
//!
//! Plain data. Which card prices what is decided in the database, in one place, so that every reader comes to the same
//! sum.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// The scenario of what is paid.
pub const ACTUAL: &str = "actual";
/// The pattern of all presets.
pub const ANY_PRESET: &str = "*";
/// What can be priced.
pub const UNITS: [&str; 3] = ["minute", "session", "resolution"];
/// How minutes can be rounded.
pub const ROUNDINGS: [&str; 4] = ["none", "ceil_per_connection", "ceil_per_session", "step"];

/// The price of something at a source. As JSON it is what the database takes it as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateCard {
    /// The source.
    pub source_id: i32,
    /// [`ACTUAL`], or the name of a what-if.
    pub scenario: String,
    /// One of [`UNITS`].
    pub unit: String,
    /// Price of one, in `currency`.
    #[serde(serialize_with = "as_text")]
    pub unit_price: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// Presets of participants it is for; `*` stands for any text.
    pub preset_pattern: String,
    /// One of [`ROUNDINGS`].
    pub rounding: String,
    /// Minutes sold at a time; only with rounding `step`.
    pub step_minutes: Option<i32>,
    /// First start of a session it prices.
    pub valid_from: DateTime<Utc>,
    /// First start after those; `None`: until further notice.
    pub valid_to: Option<DateTime<Utc>>,
}

impl RateCard {
    /// Whether both would price the same at some time.
    pub fn collides_with(&self, other: &Self) -> bool {
        let is_before = |one: &Self, other: &Self| one.valid_to.is_some_and(|end| end <= other.valid_from);
        self.source_id == other.source_id
            && self.scenario == other.scenario
            && self.unit == other.unit
            && self.preset_pattern == other.preset_pattern
            && !is_before(self, other)
            && !is_before(other, self)
    }
}

/// A number in JSON would become a float on its way.
fn as_text<S: Serializer>(decimal: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(decimal)
}
