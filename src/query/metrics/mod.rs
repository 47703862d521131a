//! Figures: what a metric means, and how a question about several of them is answered.
//!
//! A question names metrics, dimensions, a range and its buckets. [`scan`] reads sums from the database,
//! one statement for each column of time the metrics are anchored on, always by source; [`assemble`]
//! puts sources together into rows and totals; [`cell`] decides what a figure may claim, and
//! [`status`] how far its bucket is proven. [`registry`] is the only place that knows what is measured.

pub mod answer;
pub mod assemble;
pub mod cell;
pub mod registry;
pub mod scan;
pub mod status;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;

use crate::query::ReadError;
use crate::query::bucket::Granularity;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::metrics::answer::Answer;
use crate::query::metrics::registry::{Dimension, Metric};
use crate::query::range::TimeRange;

/// Most metrics of a question.
pub const MAX_METRICS: usize = 10;
/// Most dimensions of a question.
pub const MAX_DIMENSIONS: usize = 4;
/// Most rows of an answer: buckets times the groups found.
pub const MAX_ROWS: usize = 100_000;

/// A question about figures, valid by construction.
#[derive(Debug, Clone)]
pub struct MetricQuery {
    /// What to measure.
    pub metrics: Vec<&'static Metric>,
    /// What to group by.
    pub dimensions: Vec<Dimension>,
    /// When.
    pub range: TimeRange,
    /// The range in pieces, in order.
    pub buckets: Vec<TimeRange>,
    /// How it was cut.
    pub granularity: Granularity,
    /// Whose calendar.
    pub zone: Tz,
    /// Which sessions.
    pub filter: MetricFilter,
}

/// Which sessions a question is about. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct MetricFilter {
    /// Of which sources.
    pub sources: SourceFilter,
    /// Any of these channels.
    pub channels: Vec<String>,
    /// Any of these outcomes.
    pub outcomes: Vec<String>,
    /// Any of these kinds.
    pub session_kinds: Vec<String>,
}

/// Answers a question, as the catalog and the present allow.
pub async fn answer(
    pool: &PgPool,
    catalog: &Catalog,
    query: &MetricQuery,
    now: DateTime<Utc>,
    stale_after: TimeDelta,
) -> Result<Answer, ReadError> {
    // a source that cannot hold what is asked for neither feeds a figure nor makes it zero
    let mut sources = catalog.select(&query.filter.sources);
    sources.retain(|source| source.can_hold(&query.filter.session_kinds, &query.filter.outcomes));
    let source_ids: Vec<i32> = sources.iter().map(|source| source.source_id).collect();
    let scanned = scan::read(pool, query, &source_ids).await?;
    assemble::answer(catalog, &sources, query, &scanned, now, stale_after)
}
