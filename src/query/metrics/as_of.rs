//! Metric values as they were known at an earlier time.
//!
//! Earlier states of a session come from its recorded changes: the function `analytics.sessions_as_known_at` returns
//! each session with the oldest value that was replaced later. Only the columns it returns are recorded, so only
//! metrics that use these columns of sessions can be requested.
//! The cost is one range scan, as for current values, and one read of all changes since.

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::registry::metrics;
use crate::query::metrics::time_column::TimeColumn;

/// Returns whether values of this metric are available as they were known earlier.
pub fn is_kept(metric: &Metric) -> bool {
    metric.grain == Grain::Sessions
        && matches!(metric.time_column, TimeColumn::StartedAt | TimeColumn::CompletedAt | TimeColumn::EndedAt)
        && !metric.is_along_time()
        && !metric.any_column(&|column| !column.is_kept)
}

/// Returns whether earlier values of a dimension are recorded.
pub fn is_dimension_kept(dimension: Dimension) -> bool {
    dimension.column().is_none_or(|expr| !expr.any(&|column| !column.is_kept))
}

/// Returns the metrics that can be requested.
pub fn kept() -> impl Iterator<Item = &'static Metric> {
    metrics().filter(|metric| is_kept(metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_sessions_are_kept_and_those_of_what_is_in_them_are_not() {
        let ids: Vec<&str> = kept().map(|metric| metric.id).collect();
        assert!(ids.contains(&"sessions") && ids.contains(&"minutes_consumed") && ids.contains(&"resolution_rate"));
        assert!(!ids.contains(&"messages") && !ids.contains(&"participant_minutes"), "{ids:?}");
    }
}
