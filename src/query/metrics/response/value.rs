//! A metric value, and its change since the previous period.
//!
//! Plain data of answers. [`crate::query::metrics::fold::null_rules`] decides between zero and null.

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::number::Number;

/// Name of a metric value in the description, where `Value` is any JSON.
pub type Figure = Value;

/// A metric value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Figure)]
pub struct Value {
    /// The value; null: see `reason`.
    pub value: Option<Number>,
    /// Numerator of a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Number>,
    /// Denominator of a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Number>,
    /// Rows that lack the data the metric needs or their time, and sessions whose rows were never read; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_count: Option<i64>,
    /// True if a percentile is based on fewer than 20 values; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_sample: Option<bool>,
    /// Reason for a missing value: `not_applicable`, `not_fetched`, `handoff_mapping_missing`, `unknown`, `no_data`, or
    /// the status of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The value of the previous period. Present only if a comparison was requested.
    #[serde(flatten)]
    pub comparison: Option<Change>,
}

impl Value {
    /// Returns no value, with the reason.
    pub fn missing(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

/// The value in the previous period, and the change since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FigureChange)]
pub struct Change {
    /// The value in the previous period; null: see `previous_reason`.
    pub previous: Option<Number>,
    /// Reason for a missing value: as `reason`, or `no_counterpart`: the previous period has no such bucket, or it lies
    /// beyond the part that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_reason: Option<&'static str>,
    /// Difference between the value and the previous one; null if either is null.
    pub change: Option<Number>,
    /// The change as a share of the absolute previous value; null if that is 0.
    pub change_ratio: Option<Number>,
    /// Change of a rate in percentage points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_points: Option<Number>,
}

impl Change {
    /// Computes the change from the previous value to the current one; `None`: there is no counterpart.
    pub fn of(metric: &Metric, now: &Value, before: Option<&Value>) -> Self {
        let Some(before) = before else {
            return Self { previous_reason: Some("no_counterpart"), ..Self::default() };
        };
        let change = now.value.zip(before.value).and_then(|(now, before)| now.0.checked_sub(before.0));
        let base = before.value.map_or(Decimal::ZERO, |before| before.0.abs());
        Self {
            previous: before.value,
            previous_reason: before.reason,
            change: change.map(Number),
            change_ratio: change.and_then(|change| Number::ratio(change, base)),
            change_points: change.filter(|_| is_rate(metric)).map(|change| Number(change * Decimal::ONE_HUNDRED)),
        }
    }
}

/// Returns whether the metric is a share of a whole, so that its change is given in percentage points.
fn is_rate(metric: &Metric) -> bool {
    metric.additivity() == Additivity::RatioOfSums && (metric.id.ends_with("_rate") || metric.id.ends_with("_share"))
}
