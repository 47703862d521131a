//! Figures that are swept along time: they are read for each cell by itself.
//!
//! The most at once in a whole is not the sum of the most of its groups. Whoever wants a total, a sub-total or the
//! rest of a list asks here again, with the question narrowed to just that. Knows which metrics these are, and who
//! reads them; what they mean stands in the registry.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::query::ReadError;
use crate::query::catalog::Source;
use crate::query::metrics::registry::{Additivity, Applicability, Metric};
use crate::query::metrics::{MetricQuery, sweep};

/// A figure of one group in one bucket, read by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exact {
    /// Place of the metric in the question.
    pub metric: usize,
    /// Place of the bucket in the question.
    pub bucket: usize,
    /// The group: the value of each dimension of the question, in their order.
    pub dimensions: Vec<Option<String>>,
    /// The figure.
    pub value: Decimal,
}

/// Whether figures of a metric are read here: those that are swept along time.
pub fn is_exact(metric: &Metric) -> bool {
    metric.additivity == Additivity::Maximum
}

/// Whether a scan reads the figures of a metric group by group, so that they stand for their group and no other.
pub fn is_by_group(metric: &Metric) -> bool {
    !is_exact(metric) && !matches!(metric.additivity, Additivity::Sum | Additivity::RatioOfSums)
}

/// Reads those metrics of a question that are no sums.
pub async fn read(
    pool: &PgPool,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Vec<Exact>, ReadError> {
    let mut figures = Vec::new();
    for (place, metric) in query.metrics.iter().enumerate().filter(|(_, metric)| is_exact(metric)) {
        let told = sources.iter().filter(|source| metric.needs.of(source) == Applicability::Applicable);
        let told: Vec<i32> = told.map(|source| source.source_id).collect();
        for peak in sweep::read(pool, query, &told, now).await? {
            let value = peak.value.into();
            figures.push(Exact { metric: place, bucket: peak.bucket, dimensions: peak.dimensions, value });
        }
    }
    Ok(figures)
}
