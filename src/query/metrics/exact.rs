//! Figures that are swept along time: they are read for each cell by itself.
//!
//! The most at once in a whole is not the sum of the most of its groups. Whoever wants a total, a sub-total or the
//! rest of a list asks here again, with the question narrowed to just that. Knows which metrics these are, and who
//! reads them; what they mean stands in the registry.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::query::ReadError;
use crate::query::catalog::Source;
use crate::query::metrics::group::Group;
use crate::query::metrics::registry::{Applicability, Metric, Rows};
use crate::query::metrics::sweep::Level;
use crate::query::metrics::{MetricQuery, sweep};
use crate::query::snapshot::Snapshot;

/// Whether figures of a metric are read here: those that are swept along time.
pub fn is_exact(metric: &Metric) -> bool {
    metric.additivity.is_along_time()
}

/// Whether a scan reads the figures of a metric group by group, so that they stand for their group and no other.
pub fn is_by_group(metric: &Metric) -> bool {
    !is_exact(metric) && !metric.additivity.adds_up()
}

/// The most of each metric and group in all buckets together.
pub(super) fn most_of(levels: &[(Group, Level)]) -> Vec<(Group, Level)> {
    let mut most: BTreeMap<(&Group, usize), &Level> = BTreeMap::new();
    for (group, level) in levels {
        let so_far = most.entry((group, level.metric)).or_insert(level);
        if level.value > so_far.value {
            *so_far = level;
        }
    }
    most.into_iter().map(|((group, _), level)| (group.clone(), Level { bucket: 0, ..level.clone() })).collect()
}

/// Reads those metrics of a question that are no sums; those of the same rows in one sweep.
pub async fn read(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Vec<Level>, ReadError> {
    let mut levels = Vec::new();
    for rows in [Rows::Sessions, Rows::Presences] {
        let is_swept = |metric: &&&Metric| is_exact(metric) && metric.rows == rows;
        let Some(metric) = query.metrics.iter().find(is_swept) else { continue };
        let told = sources.iter().filter(|source| metric.needs.of(source) == Applicability::Applicable);
        let told: Vec<i32> = told.map(|source| source.source_id).collect();
        levels.extend(sweep::read(snapshot, query, rows, &told, now).await?);
    }
    Ok(levels)
}
