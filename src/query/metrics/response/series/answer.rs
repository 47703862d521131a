//! The answer in arrays. Plain data, serialized unchanged.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::freshness::Freshness;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::response::answer::{Coverage, Titles, Warning};
use crate::query::metrics::response::request_echo::QueryEcho;
use crate::query::metrics::response::value::Value;
use crate::query::number::Number;

/// Metric values as arrays along one axis.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeriesAnswer {
    /// Meaning of the axis: `date` (local dates in the zone), `time` (local times with their offset), or the dimension
    /// whose values it shows.
    pub axis: &'static str,
    /// Labels of the axis, in order.
    pub labels: Vec<String>,
    /// Keys of the labels: first instants of buckets, or values of the dimension, where null is a separate group.
    pub keys: Vec<Option<String>>,
    /// Place of the label that stands for all groups that are not shown separately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_place: Option<usize>,
    /// Labels of the compared buckets; null: none corresponds. Present only along time, if a comparison was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_labels: Option<Vec<Option<String>>>,
    /// One for each group and metric, by group; each array has a value for each label.
    pub series: Vec<Series>,
    /// Each metric over the whole range and all groups.
    pub totals: BTreeMap<&'static str, Value>,
    /// Number of sessions behind the response.
    pub coverage: Coverage,
    /// As in the rows of `/v1/metrics/query`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bases: Option<Vec<String>>,
    /// ISO 4217 currency of all values whose unit is `money`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Titles of values of dimensions, where they were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub titles: Option<Titles>,
    /// Warnings to read before using the values.
    pub warnings: Vec<Warning>,
    /// Link to the rows behind a value, as in the rows of `/v1/metrics/query`.
    pub rows_link: String,
    /// Completeness of the data.
    pub freshness: Freshness,
    /// Metric → version of its definition.
    pub definitions: BTreeMap<&'static str, u16>,
    /// The query as interpreted.
    pub query: QueryEcho,
}

/// The values of one metric of one group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Series {
    /// The metric.
    pub metric: &'static str,
    /// Display name of the metric.
    pub metric_label: &'static str,
    /// Unit of the values.
    pub unit: &'static str,
    /// The group: one value for each requested dimension that is not the axis.
    pub dimensions: BTreeMap<&'static str, Option<String>>,
    /// Display name of the group; that of the metric where there are no groups.
    pub label: String,
    /// Whether it stands for all groups that are not shown separately.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_other: bool,
    /// Values; null: see `reasons`.
    pub data: Vec<Option<Number>>,
    /// Reasons of missing values, as `reason` in rows, or `no_rows`, or `not_shown` (no rows, or left out by `limit`);
    /// null: there is a value. Absent: none is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Vec<Option<&'static str>>>,
    /// Completeness of the buckets, as `bucket.status` in rows; null: no row.
    pub status: Vec<Option<BucketStatus>>,
    /// Rows that lack the data, as `unknown_count` in rows. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_counts: Option<Vec<i64>>,
    /// Values of the previous period. Present only if a comparison was requested, as are the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Vec<Option<Number>>>,
    /// Reasons of missing values of the previous period. Absent: none is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_reasons: Option<Vec<Option<&'static str>>>,
}
