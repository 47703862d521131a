//! Rate cards: the price of a minute, a session or a resolution at a source, and the rounding of minutes.
//!
//! Plain data. The database alone decides which card prices what, so that every reader computes the same sum.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// The scenario of the prices that are paid.
pub const ACTUAL: &str = "actual";
/// The pattern that matches all presets.
pub const ANY_PRESET: &str = "*";
/// The units that can be priced.
pub const UNITS: [&str; 3] = ["minute", "session", "resolution"];
/// The roundings of minutes.
pub const ROUNDINGS: [&str; 4] = ["none", "ceil_per_connection", "ceil_per_session", "step"];

/// The price of a unit at a source. Its JSON is the form that the database reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateCard {
    /// The source's id.
    pub source_id: i32,
    /// [`ACTUAL`], or the name of a what-if scenario.
    pub scenario: String,
    /// One of [`UNITS`].
    pub unit: String,
    /// Price of one unit, in `currency`.
    #[serde(serialize_with = "as_text")]
    pub unit_price: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// Pattern of participant presets; `*` stands for any text.
    pub preset_pattern: String,
    /// One of [`ROUNDINGS`].
    pub rounding: String,
    /// Minutes per sold step; only with rounding `step`.
    pub step_minutes: Option<i32>,
    /// Earliest start of a session that the card prices.
    pub valid_from: DateTime<Utc>,
    /// End of the validity, exclusive; `None`: until further notice.
    pub valid_to: Option<DateTime<Utc>>,
}

impl RateCard {
    /// Returns whether both cards would price the same thing at some time.
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

/// Returns the version of the set of cards with these numbers. A card that ended never returns, and a new one has a
/// greater number, so two sets with the same greatest number and the same count are the same.
pub fn set_version(rate_card_ids: impl IntoIterator<Item = i64>) -> String {
    let (greatest, count) =
        rate_card_ids.into_iter().fold((0, 0), |(greatest, count), id| (id.max(greatest), count + 1));
    format!("{greatest}.{count}")
}

/// Serializes a decimal as text; a JSON number would become a float on its way.
fn as_text<S: Serializer>(decimal: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(decimal)
}
