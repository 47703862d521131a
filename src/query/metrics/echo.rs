//! The query as interpreted, in terms that can be requested again.
//!
//! Names of ranges and defaults are resolved: the echo has the instants and the choices they led to.

use crate::query::calendar::in_zone;
use crate::query::metrics::MetricQuery;
use crate::query::metrics::answer::{CompareEcho, FilterEcho, QueryEcho, TopEcho};
use crate::query::metrics::compare::Comparison;
use crate::query::metrics::filter::MetricFilter;

pub(super) fn echo(query: &MetricQuery) -> QueryEcho {
    QueryEcho {
        metrics: query.metrics.iter().map(|metric| metric.id).collect(),
        dimensions: query.dimensions.iter().map(|dimension| dimension.as_str()).collect(),
        from: in_zone(query.zone, query.range.from),
        to: in_zone(query.zone, query.range.to),
        zone: query.zone.name(),
        granularity: query.granularity.as_str(),
        attribution: query.attribution.as_str(),
        filters: filters(&query.filter),
        include_deleted: query.filter.includes_deleted,
        totals_by: query.totals_by.iter().map(|dimension| dimension.as_str()).collect(),
        top: query.top.map(|top| TopEcho { dimension: top.dimension.as_str(), by: top.by.id, n: top.count }),
        as_known_at: query.as_known_at.map(|at| in_zone(query.zone, at)),
        compare: query.comparison.as_ref().map(|comparison| compared(query, comparison)),
    }
}

fn filters(filter: &MetricFilter) -> Vec<FilterEcho> {
    let sources = [("provider", &filter.sources.providers), ("source", &filter.sources.sources)];
    let sources = sources.into_iter().filter(|(_, values)| !values.is_empty());
    let sources = sources.map(|(field, values)| FilterEcho { field, op: "in", values: values.clone() });
    let conditions = filter.conditions.iter().map(|condition| FilterEcho {
        field: condition.field.as_str(),
        op: condition.test.as_str(),
        values: condition.test.values().to_vec(),
    });
    sources.chain(conditions).collect()
}

fn compared(query: &MetricQuery, comparison: &Comparison) -> CompareEcho {
    let wanted = comparison.wanted;
    CompareEcho {
        to: wanted.to.as_str(),
        align: if wanted.by_weekday { "weekday" } else { "calendar" },
        elapsed: if wanted.same_elapsed { "same" } else { "full" },
        previous_from: in_zone(query.zone, comparison.range.from),
        previous_to: in_zone(query.zone, comparison.range.to),
    }
}
