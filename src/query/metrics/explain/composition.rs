//! Composition of a value: its parts by outcome, class, state or provider.
//!
//! The columns of the metric decide which of these is used, so that a new metric needs no code here.

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::subject::GroupSums;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::run::Sums;
use crate::query::number::Number;

/// Composition of a metric value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Parts)]
pub struct Composition {
    /// The dimension of the parts.
    pub by: &'static str,
    /// The parts; for sums and ratios they add up to the value.
    pub items: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// The class; null is a separate class.
    pub class: Option<String>,
    /// The class's contribution to the value; if values cannot be added, its own value. Absent: a ratio, or no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
    /// For a ratio: the class's contribution to the numerator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Number>,
    /// For a ratio: the class's contribution to the denominator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Number>,
    /// Sessions or presences of the class that lack the data the metric needs; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_count: Option<i64>,
}

/// Returns the most informative dimension for the parts of a metric.
pub(super) fn dimension(metric: &Metric) -> Dimension {
    let best = if metric.measures(OUTCOME) {
        Dimension::Outcome
    } else if metric.measures(UNEXPLAINED_MINUTES) {
        Dimension::UnexplainedClass
    } else if metric.measures(TRANSCRIPT_STATE) {
        Dimension::TranscriptState
    } else if metric.grain == Grain::Presences && !metric.is_along_time() {
        Dimension::PresetName
    } else {
        Dimension::Provider
    };
    if metric.can_be_grouped_by(best) { best } else { Dimension::Provider }
}

/// Returns whether there are no data: then a percentile is not 0, nor is a sum of which every part is unknown.
fn is_none(metric: &Metric, sums: Sums) -> bool {
    let is_measured = matches!(metric.additivity(), Additivity::Percentile | Additivity::MaximumAsOf);
    sums.known.is_zero() && (is_measured || sums.unknown > 0)
}

/// Returns the composition; `groups` are the sums of the parts.
pub(super) fn of(metric: &Metric, by: Dimension, groups: Vec<GroupSums>) -> Composition {
    let is_ratio = metric.additivity() == Additivity::RatioOfSums;
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
    Composition { by: by.as_str(), items: items.collect() }
}
