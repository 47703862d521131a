//! The query as interpreted, in terms that can be requested again.
//!
//! Names of ranges and defaults are resolved: the echo has the instants and the choices they led to.

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::calendar::in_zone;
use crate::query::metrics::compare::Comparison;
use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::query::{MetricQuery, Order, OrderBy};

/// The query as interpreted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueryEcho {
    /// Metrics.
    pub metrics: Vec<&'static str>,
    /// Dimensions.
    pub dimensions: Vec<&'static str>,
    /// First instant of the range, RFC 3339 with the zone's offset.
    pub from: String,
    /// First instant after it.
    pub to: String,
    /// IANA zone.
    pub zone: &'static str,
    /// Granularity of the buckets.
    pub granularity: &'static str,
    /// Bucket in which sessions that span several buckets are counted: `start`, `end` or `spread`.
    pub attribution: &'static str,
    /// Conditions on the sessions that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterEcho>,
    /// Whether sessions that were deleted at the provider are counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
    /// Dimensions of the sub-totals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub totals_by: Vec<&'static str>,
    /// Selection of the groups that are shown separately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<TopEcho>,
    /// Order of the groups: a metric or dimension, with `-` before it the greatest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Most groups that are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Shape of the response: `series`; absent: rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<&'static str>,
    /// The past instant as of whose knowledge the values are, RFC 3339; absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_known_at: Option<String>,
    /// The period it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareEcho>,
}

/// A condition on the sessions that count.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FilterEcho {
    /// Dimension that the condition tests.
    pub field: &'static str,
    /// `in`, `not_in`, `is_null`, `is_not_null`, `contains` or `starts_with`.
    pub op: &'static str,
    /// Values to compare with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Selection of the groups that are shown separately.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TopEcho {
    /// Dimension of the groups.
    pub dimension: &'static str,
    /// Metric that ranks the groups.
    pub by: &'static str,
    /// Number of groups.
    pub n: usize,
    /// Whether sessions without a value are a group of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_missing: bool,
}

/// The period that a request is compared with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CompareEcho {
    /// `previous_period`, `previous_year` or `custom`.
    pub to: &'static str,
    /// `calendar` or `weekday`.
    pub align: &'static str,
    /// `full`, or `same`: only as much of the period counts as has passed of the range.
    pub elapsed: &'static str,
    /// First instant of the period, RFC 3339 with the zone's offset.
    pub previous_from: String,
    /// First instant after it.
    pub previous_to: String,
}

/// Returns the echo of a query.
pub(crate) fn request_echo(query: &MetricQuery) -> QueryEcho {
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
        top: query.top.map(|top| TopEcho {
            dimension: top.dimension.as_str(),
            by: top.by.id,
            n: top.count,
            include_missing: top.includes_missing,
        }),
        order_by: query.order.map(order_by),
        limit: query.limit,
        shape: None,
        as_known_at: query.as_known_at.map(|at| in_zone(query.zone, at)),
        compare: query.comparison.as_ref().map(|comparison| compared(query, comparison)),
    }
}

fn order_by(order: Order) -> String {
    let name = match order.by {
        OrderBy::Metric(metric) => metric.id,
        OrderBy::Dimension(dimension) => dimension.as_str(),
    };
    format!("{}{name}", if order.is_descending { "-" } else { "" })
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
