//! What a figure is made of, by what tells its parts apart best: outcomes, classes, states, or providers.
//!
//! Which one that is follows from the columns in the metric's SQL, so that a new metric is explained without a word
//! here.

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::subject::GroupSums;
use crate::query::metrics::registry::{Additivity, Metric, Rows};
use crate::query::metrics::scan::Sums;
use crate::query::number::Number;

/// What a figure is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Parts {
    /// What tells the parts apart.
    #[schema(example = "outcome")]
    pub by: &'static str,
    /// The parts; of sums and ratios they add up to the figure's.
    pub items: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// The class; null is a class of its own.
    #[schema(example = "resolved")]
    pub class: Option<String>,
    /// What it adds to the figure; where nothing can be added, its own. Absent: a ratio, or nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
    /// Of a ratio: what it adds to the part above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Number>,
    /// Of a ratio: what it adds to the part below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Number>,
    /// Those of the class that should have told the figure and did not; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_count: Option<i64>,
}

/// What tells the parts of a metric apart best.
pub(super) fn dimension(metric: &Metric) -> Dimension {
    let names = |column: &str| [metric.value_sql, metric.known_sql].iter().any(|sql| sql.contains(column));
    let best = if names("s.outcome") {
        Dimension::Outcome
    } else if names("s.unexplained_minutes") {
        Dimension::UnexplainedClass
    } else if names("s.transcript_state") {
        Dimension::TranscriptState
    } else if metric.rows == Rows::Presences && !metric.additivity.is_along_time() {
        Dimension::PresetName
    } else {
        Dimension::Provider
    };
    if metric.can_be_grouped_by(best) { best } else { Dimension::Provider }
}

/// Whether nothing was measured: a percentile of nothing is not 0, nor is a sum of which nobody told a part.
fn is_none(metric: &Metric, sums: Sums) -> bool {
    let is_measured = matches!(metric.additivity, Additivity::Percentile | Additivity::MaximumAsOf);
    sums.known.is_zero() && (is_measured || sums.unknown > 0)
}

/// The parts, of which `groups` are the sums.
pub(super) fn of(metric: &Metric, by: Dimension, groups: Vec<GroupSums>) -> Parts {
    let is_ratio = metric.additivity == Additivity::RatioOfSums;
    let items = groups.into_iter().filter_map(|(class, sums)| {
        let sums = sums.first().copied().filter(|sums| *sums != Sums::default())?;
        Some(Part {
            class,
            value: (!is_ratio && !is_none(metric, sums)).then_some(Number(sums.value)),
            numerator: is_ratio.then_some(Number(sums.value)),
            denominator: is_ratio.then_some(Number(sums.known)),
            unknown_count: Some(sums.unknown).filter(|count| *count > 0),
        })
    });
    Parts { by: by.as_str(), items: items.collect() }
}
