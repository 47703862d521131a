//! Passes: the metrics of a query that are read together.
//!
//! A pass is one statement. Metrics share a pass if they have the same rows and the same time. Sums are read source
//! by source, so that they can be combined afterwards. Other metrics are read group by group, over only those sources
//! to which they apply. The first pass always counts sessions by their start, for the coverage and for data that were
//! never read.

use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::{Attribution, TimeColumn};

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pass {
    /// What one of its rows is.
    pub(super) grain: Grain,
    /// The time that puts rows into buckets.
    pub(super) time_column: TimeColumn,
    /// Whether each bucket counts the part of a session that lies in it.
    pub(super) is_spread: bool,
    /// For metrics that are no sums: what their sources must have. `None`: sums, by source.
    pub(super) alone: Option<Requires>,
    /// The indexes in the query of the metrics it reads.
    pub(super) metrics: Vec<usize>,
}

impl Pass {
    /// Returns the passes of a query.
    pub(super) fn all(query: &MetricQuery) -> Vec<Self> {
        let mut passes = vec![Self::first()];
        for (place, metric) in query.metrics.iter().enumerate().filter(|(_, metric)| is_scanned(metric)) {
            let wanted = Self::of(metric, query.attribution);
            match passes.iter_mut().find(|pass| pass.is_shared_with(&wanted)) {
                Some(pass) => pass.metrics.push(place),
                None => passes.push(Self { metrics: vec![place], ..wanted }),
            }
        }
        passes
    }

    /// Returns the pass of sessions by their start.
    pub(super) fn first() -> Self {
        Self {
            grain: Grain::Sessions,
            time_column: TimeColumn::StartedAt,
            is_spread: false,
            alone: None,
            metrics: Vec::new(),
        }
    }

    /// Returns the pass that reads the only metric of a query.
    pub(super) fn of_one(query: &MetricQuery) -> Self {
        match query.metrics.first() {
            Some(metric) => Self { metrics: vec![0], ..Self::of(metric, query.attribution) },
            None => Self::first(),
        }
    }

    /// Returns the pass that reads a metric, with no metrics in it.
    pub(super) fn of(metric: &Metric, attribution: Attribution) -> Self {
        let attribution = if metric.can_be_attributed(attribution) { attribution } else { Attribution::Start };
        Self {
            grain: metric.grain,
            time_column: if attribution == Attribution::End { TimeColumn::EndedAt } else { metric.time_column },
            is_spread: attribution == Attribution::Spread,
            alone: (!metric.additivity.adds_up()).then_some(metric.requires),
            metrics: Vec::new(),
        }
    }

    fn is_shared_with(&self, other: &Self) -> bool {
        (self.grain, self.time_column, self.is_spread, self.alone)
            == (other.grain, other.time_column, other.is_spread, other.alone)
    }

    /// Returns whether it counts the sessions that began, and those of them whose data were never read.
    pub(super) fn is_first(&self) -> bool {
        self.is_shared_with(&Self::first())
    }

    /// Returns the metrics of other passes whose missing data it counts: data that were never read have no time, and
    /// are missing at the start of their session.
    pub(super) fn missed(&self, query: &MetricQuery) -> Vec<usize> {
        let is_missed = |place: &usize| query.metrics[*place].is_unknown_by_start;
        if self.is_first() { (0..query.metrics.len()).filter(is_missed).collect() } else { Vec::new() }
    }

    /// Returns the column of a dimension; null if the rows of the pass do not have it.
    pub(super) fn column(&self, dimension: Dimension) -> &'static str {
        let has_it = match dimension.level() {
            Level::Source => false,
            Level::Session => self.grain.is_of_sessions(),
            Level::Clock => self.time_column != TimeColumn::AsOf && !self.is_spread,
            Level::Presence | Level::Report => matches!(self.grain, Grain::Presences | Grain::Sessions),
            Level::Trail => self.grain == Grain::Sessions,
            Level::Speaker => self.grain == Grain::Speakers,
            Level::Message => self.grain == Grain::Messages,
            Level::Cohort => self.grain == Grain::Cohorts,
        };
        dimension.column().filter(|_| has_it).unwrap_or("null::text")
    }
}

/// Returns whether a pass reads the metric; metrics along time are read elsewhere.
fn is_scanned(metric: &Metric) -> bool {
    !metric.additivity.is_along_time()
}
