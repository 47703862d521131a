//! Figures: what a metric means, and how a question about several of them is answered.
//!
//! A question names metrics, dimensions, a range and its buckets. [`scan`] reads sums from the database,
//! one statement for each column of time the metrics are anchored on, always by source, and [`sweep`] what
//! is no sum; [`assemble`] puts sources together into rows and totals; [`cell`] decides what a figure may
//! claim, and [`status`] how far its bucket is proven. [`registry`] is the only place that knows what is
//! measured, [`dimension`] by what.

pub mod answer;
pub mod assemble;
pub mod cell;
pub mod dimension;
pub mod heat;
pub mod registry;
pub mod scan;
pub mod status;
pub mod sweep;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;

use crate::query::ReadError;
use crate::query::bucket::Granularity;
use crate::query::catalog::{Catalog, Source, SourceFilter};
use crate::query::metrics::answer::Answer;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Applicability, Metric, Rows};
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

impl MetricQuery {
    /// Those dimensions that belong to rows and not to the source.
    pub(super) fn row_dimensions(&self) -> impl Iterator<Item = Dimension> {
        self.dimensions.iter().copied().filter(|dimension| dimension.column().is_some())
    }

    /// The same question about the whole: neither cut nor grouped.
    fn undivided(&self) -> Self {
        Self { dimensions: Vec::new(), buckets: vec![self.range], ..self.clone() }
    }
}

/// All that was read for a question: its cells, and the whole where it is not the sum of the cells.
#[derive(Debug, Default)]
pub struct Findings {
    /// Sums, by bucket, source and group.
    pub scanned: scan::Scanned,
    /// Sums of the whole; `None`: those of the cells, added.
    pub whole: Option<scan::Scanned>,
    /// What was read along time, by metric, bucket and group.
    pub levels: Vec<sweep::Level>,
    /// The same of the whole.
    pub whole_levels: Vec<sweep::Level>,
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
    let findings = read(pool, query, &source_ids, &sources, now).await?;
    assemble::answer(catalog, &sources, query, &findings, now, stale_after)
}

async fn read(
    pool: &PgPool,
    query: &MetricQuery,
    source_ids: &[i32],
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Findings, ReadError> {
    let undivided = query.undivided();
    let mut findings = Findings { scanned: scan::read(pool, query, source_ids, now).await?, ..Findings::default() };
    // a session has several speakers: its words stand below the share of each of them
    if query.dimensions.contains(&Dimension::SpeakerId) {
        findings.whole = Some(scan::read(pool, &undivided, source_ids, now).await?);
    }
    for rows in [Rows::Sessions, Rows::Presences] {
        let is_swept = |metric: &&&Metric| metric.additivity.is_along_time() && metric.rows == rows;
        let Some(metric) = query.metrics.iter().find(is_swept) else { continue };
        let told = sources.iter().filter(|source| metric.needs.of(source) == Applicability::Applicable);
        let told: Vec<i32> = told.map(|source| source.source_id).collect();
        findings.levels.extend(sweep::read(pool, query, rows, &told, now).await?);
        findings.whole_levels.extend(sweep::read(pool, &undivided, rows, &told, now).await?);
    }
    Ok(findings)
}
