//! Which metrics of a question are read together.
//!
//! A pass is one statement. Metrics share one where they have the same rows and the same time; sums are read source by
//! source, so that they can be put together afterwards, and what is no sum is read group by group, over those sources
//! only for which it means something. The first pass counts sessions by their start, for the coverage and for what was
//! never read, whatever is asked.

use crate::query::metrics::MetricQuery;
use crate::query::metrics::attribution::Attribution;
use crate::query::metrics::registry::{Anchor, Metric, Needs, Rows};

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pass {
    /// What its rows are.
    pub(super) rows: Rows,
    /// The time that puts them into buckets.
    pub(super) anchor: Anchor,
    /// Whether each bucket has the part of a session that lies in it.
    pub(super) is_spread: bool,
    /// Of what is no sum: what its sources must have. `None`: sums, by source.
    pub(super) alone: Option<Needs>,
    /// The places in the question of the metrics it reads.
    pub(super) metrics: Vec<usize>,
}

impl Pass {
    /// The passes of a question.
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

    /// Sessions by their start.
    pub(super) fn first() -> Self {
        Self { rows: Rows::Sessions, anchor: Anchor::StartedAt, is_spread: false, alone: None, metrics: Vec::new() }
    }

    /// The pass that reads the only metric of a question.
    pub(super) fn of_one(query: &MetricQuery) -> Self {
        match query.metrics.first() {
            Some(metric) => Self { metrics: vec![0], ..Self::of(metric, query.attribution) },
            None => Self::first(),
        }
    }

    /// The pass a metric is read by, with no metrics.
    pub(super) fn of(metric: &Metric, attribution: Attribution) -> Self {
        let attribution = if metric.can_be_attributed(attribution) { attribution } else { Attribution::Start };
        Self {
            rows: metric.rows,
            anchor: if attribution == Attribution::End { Anchor::EndedAt } else { metric.anchor },
            is_spread: attribution == Attribution::Spread,
            alone: (!metric.additivity.adds_up()).then_some(metric.needs),
            metrics: Vec::new(),
        }
    }

    fn is_shared_with(&self, other: &Self) -> bool {
        (self.rows, self.anchor, self.is_spread, self.alone) == (other.rows, other.anchor, other.is_spread, other.alone)
    }

    /// Whether it counts the sessions that began, and those of them that were never read.
    pub(super) fn is_first(&self) -> bool {
        self.is_shared_with(&Self::first())
    }

    /// The metrics it tells of that are read elsewhere: what was never read has no time of its own, and is missing where
    /// its session began.
    pub(super) fn missed(&self, query: &MetricQuery) -> Vec<usize> {
        let is_missed = |place: &usize| query.metrics[*place].is_unknown_by_start;
        if self.is_first() { (0..query.metrics.len()).filter(is_missed).collect() } else { Vec::new() }
    }
}

/// Whether it is read by a pass; what is swept along time is read elsewhere.
fn is_scanned(metric: &Metric) -> bool {
    !metric.additivity.is_along_time()
}
