//! A query for metric values, valid by construction.
//!
//! It is plain data with the choices that follow from it. This module does not know how a query is read.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::query::bucket::Granularity;
use crate::query::catalog::{Catalog, Source};
use crate::query::metrics::compare::Comparison;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::time_column::Attribution;
use crate::query::range::TimeRange;

/// Most metrics of a query.
pub const MAX_METRICS: usize = 10;
/// Most dimensions of a query.
pub const MAX_DIMENSIONS: usize = 4;
/// Most groups that can be shown separately.
pub const MAX_TOP: usize = 1_000;
/// Most rows of an answer: buckets times the groups found.
pub const MAX_ROWS: usize = 100_000;

/// A query for metric values, valid by construction.
#[derive(Debug, Clone)]
pub struct MetricQuery {
    /// The metrics.
    pub metrics: Vec<&'static Metric>,
    /// The dimensions to group by.
    pub dimensions: Vec<Dimension>,
    /// The range.
    pub range: TimeRange,
    /// The buckets of the range, in order.
    pub buckets: Vec<TimeRange>,
    /// The granularity of the buckets.
    pub granularity: Granularity,
    /// The zone of the calendar.
    pub zone: Tz,
    /// The name of the zone in the database's time zone table.
    pub zone_name: &'static str,
    /// The filter of sessions.
    pub filter: MetricFilter,
    /// The instant as of whose knowledge values are read; `None`: as known now.
    pub as_known_at: Option<DateTime<Utc>>,
    /// Bucket in which sessions that span several buckets are counted.
    pub attribution: Attribution,
    /// Dimensions of the sub-totals; a subset of `dimensions`.
    pub totals_by: Vec<Dimension>,
    /// The groups that are shown separately; `None`: all.
    pub top: Option<Top>,
    /// The order of the groups; `None`: by name, or by rank with `top`.
    pub order: Option<Order>,
    /// Most groups of the answer; `None`: all.
    pub limit: Option<usize>,
    /// The period to compare with.
    pub comparison: Option<Comparison>,
    /// Whether the tables are spread over several nodes, so that no grouping sets can be read.
    pub is_distributed: bool,
}

/// Selection of the groups that are shown separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Top {
    /// The dimension, one of the query's.
    pub dimension: Dimension,
    /// The metric that ranks them, one of the query's.
    pub by: &'static Metric,
    /// Number of groups.
    pub count: usize,
    /// Whether sessions without a value are a group of their own; otherwise they are among the others.
    pub includes_missing: bool,
}

/// Order of the groups of an answer. Values that are missing come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The sort key.
    pub by: OrderBy,
    /// Greatest first.
    pub is_descending: bool,
}

/// Sort key of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderBy {
    /// The value over the whole range.
    Metric(&'static Metric),
    /// The value of a dimension.
    Dimension(Dimension),
}

/// A view of a query: some of its dimensions, in its buckets or over the whole range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) dimensions: Vec<Dimension>,
    pub(super) is_whole: bool,
}

impl MetricQuery {
    /// Returns the dimensions that belong to rows and not to the source.
    pub(super) fn row_dimensions(&self) -> impl Iterator<Item = Dimension> {
        self.dimensions.iter().copied().filter(|dimension| dimension.column().is_some())
    }

    /// Returns the sources that can have matching sessions; the others neither contribute to a value nor make it
    /// zero.
    pub fn sources<'a>(&self, catalog: &'a Catalog) -> Vec<&'a Source> {
        let mut sources = catalog.select(&self.filter.sources);
        sources.retain(|source| self.filter.can_be_met_by(source));
        sources
    }

    /// Returns the sources to which at least one of the metrics applies, which the answer is based on; if there are
    /// none, all sources.
    pub fn telling<'a>(&self, sources: &[&'a Source]) -> Vec<&'a Source> {
        telling(&self.metrics, sources)
    }

    /// Returns the same query for the period it is compared with.
    pub(super) fn before(&self, comparison: &Comparison) -> Self {
        let Comparison { range, buckets, .. } = comparison;
        Self { range: *range, buckets: buckets.clone(), comparison: None, ..self.clone() }
    }

    /// Returns the dimensions by whose groups values over the whole range are read only to order the groups: by a
    /// metric, and over several buckets. Sub-totals by the same dimensions have these values too.
    pub(super) fn ranked_by(&self) -> &[Dimension] {
        let is_by_metric = matches!(self.order, Some(Order { by: OrderBy::Metric(_), .. }));
        let is_needed = is_by_metric && self.buckets.len() > 1 && self.totals_by != self.dimensions;
        if is_needed { &self.dimensions } else { &[] }
    }

    /// Returns the view of the answer's rows.
    pub(super) fn rows_view(&self) -> View {
        View { dimensions: self.dimensions.clone(), is_whole: false }
    }

    /// Returns a view of the whole range, for all sessions or for each group of some dimensions.
    pub(super) fn whole_view(dimensions: &[Dimension]) -> View {
        View { dimensions: dimensions.to_vec(), is_whole: true }
    }

    /// Returns the narrower query for a view.
    pub(super) fn narrowed(&self, view: &View) -> Self {
        let buckets = if view.is_whole { vec![self.range] } else { self.buckets.clone() };
        Self { dimensions: view.dimensions.clone(), buckets, ..self.clone() }
    }
}

/// Returns the sources to which at least one of the metrics applies; if there are none, all sources.
pub(super) fn telling<'a>(metrics: &[&Metric], sources: &[&'a Source]) -> Vec<&'a Source> {
    let can_tell =
        |source: &&Source| metrics.iter().any(|metric| metric.requires.of(source) == Applicability::Applicable);
    let telling: Vec<&Source> = sources.iter().copied().filter(can_tell).collect();
    if telling.is_empty() { sources.to_vec() } else { telling }
}
