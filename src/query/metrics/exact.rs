//! Metrics along time (peaks and averages of concurrency): each value is read separately.
//!
//! The peak of a whole is not the sum of the peaks of its groups. Totals, sub-totals and the rest group are therefore
//! read here with separate queries, narrowed to that part. This module knows which metrics these are and reads them;
//! the registry defines their meaning.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::query::ReadError;
use crate::query::catalog::Source;
use crate::query::metrics::concurrency::ConcurrencyValue;
use crate::query::metrics::group::Group;
use crate::query::metrics::registry::{Applicability, Grain, Metric};
use crate::query::metrics::{MetricQuery, concurrency};
use crate::query::snapshot::Snapshot;

/// Returns whether values of a metric are read here: those along time.
pub fn is_exact(metric: &Metric) -> bool {
    metric.additivity.is_along_time()
}

/// Returns whether a scan reads the values of a metric group by group, so that they are valid only for that group.
pub fn is_by_group(metric: &Metric) -> bool {
    !is_exact(metric) && !metric.additivity.adds_up()
}

/// Returns the highest value of each metric and group over all buckets.
pub(super) fn most_of(levels: &[(Group, ConcurrencyValue)]) -> Vec<(Group, ConcurrencyValue)> {
    let mut most: BTreeMap<(&Group, usize), &ConcurrencyValue> = BTreeMap::new();
    for (group, level) in levels {
        let so_far = most.entry((group, level.metric)).or_insert(level);
        if level.value > so_far.value {
            *so_far = level;
        }
    }
    most.into_iter()
        .map(|((group, _), level)| (group.clone(), ConcurrencyValue { bucket: 0, ..level.clone() }))
        .collect()
}

/// Reads the metrics of a query along time; metrics of the same grain are read together.
pub async fn read(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Vec<ConcurrencyValue>, ReadError> {
    let mut levels = Vec::new();
    for grain in [Grain::Sessions, Grain::Presences] {
        let has_this_grain = |metric: &&&Metric| is_exact(metric) && metric.grain == grain;
        let Some(metric) = query.metrics.iter().find(has_this_grain) else { continue };
        let told = sources.iter().filter(|source| metric.requires.of(source) == Applicability::Applicable);
        let told: Vec<i32> = told.map(|source| source.source_id).collect();
        levels.extend(concurrency::read(snapshot, query, grain, &told, now).await?);
    }
    Ok(levels)
}
