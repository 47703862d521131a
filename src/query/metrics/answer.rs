//! The answer to a metrics query.
//!
//! Plain data, serialized unchanged. Its names are fixed: each value is found by its metric, its bucket has a status,
//! and the fields beside the rows say how far to trust them. No decisions are made here.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::freshness::Freshness;
use crate::query::metrics::compare::Change;
use crate::query::metrics::status::BucketStatus;
use crate::query::number::Number;

/// Metric values, and the information needed to trust them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// One row for each bucket and group, by bucket; includes groups without sessions.
    pub rows: Vec<MetricRow>,
    /// Each metric over the whole range and all groups.
    pub totals: BTreeMap<&'static str, Value>,
    /// Each metric over the whole range by the dimensions of `totals_by`. Present only if these were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtotals: Option<Vec<MetricRow>>,
    /// Number of sessions behind the response.
    pub coverage: Coverage,
    /// Bases that `minutes_consumed` added: `participant_time`, `session_time` or both. Present only if it was
    /// requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bases: Option<Vec<String>>,
    /// ISO 4217 currency of all values whose unit is `money`. Present only if these were requested and there are rate
    /// cards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "USD")]
    pub currency: Option<String>,
    /// Warnings to read before using the values.
    pub warnings: Vec<Warning>,
    /// Link to the rows behind a value: a template (RFC 6570). `metrics` is the metric, `from` and `to` are its
    /// bucket's `start` and `end`, `group` is its row's `dimensions` as JSON; the total has the ends of `query` and
    /// no group. A row with `is_other` has its own.
    #[schema(example = "/v1/metrics/rows?zone=Europe/Berlin{&metrics,from,to,group}")]
    pub rows_link: String,
    /// Completeness of the data.
    pub freshness: Freshness,
    /// Metric → version of its definition, which increases when its meaning changes.
    pub definitions: BTreeMap<&'static str, u16>,
    /// The query as interpreted.
    pub query: QueryEcho,
}

/// The values of one group in one bucket.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricRow {
    /// The group: one value for each requested dimension; null is a separate group.
    pub dimensions: BTreeMap<&'static str, Option<String>>,
    /// Whether the row stands for all groups that are not shown separately, so that the rows add up to the whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_other: bool,
    /// With `is_other`: a template like that of the response, whose `group` leaves out the dimension of `top`. Absent
    /// if the other values of a dimension cannot be requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_link: Option<String>,
    /// The bucket.
    pub bucket: Bucket,
    /// The bucket it is compared with; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_bucket: Option<Bucket>,
    /// Metric → value.
    pub values: BTreeMap<&'static str, Value>,
}

/// A half-open range of time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Bucket {
    /// First instant inside, RFC 3339 with the zone's offset.
    #[schema(example = "2026-11-18T00:00:00+01:00")]
    pub start: String,
    /// First instant after it.
    #[schema(example = "2026-11-19T00:00:00+01:00")]
    pub end: String,
    /// Completeness of the bucket.
    pub status: BucketStatus,
}

/// A metric value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Value {
    /// The value; null: see `reason`.
    pub value: Option<Number>,
    /// Numerator of a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Number>,
    /// Denominator of a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Number>,
    /// Sessions (for some metrics presences, see `null_rule`) that lack the data the metric needs; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_count: Option<i64>,
    /// True if a percentile is based on fewer than 20 values; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_sample: Option<bool>,
    /// Reason for a missing value: `not_applicable`, `not_fetched`, `handoff_mapping_missing`, `unknown`, `no_data`, or
    /// the status of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not_applicable")]
    pub reason: Option<&'static str>,
    /// The value of the previous period. Present only if a comparison was requested.
    #[serde(flatten)]
    pub comparison: Option<Change>,
}

impl Value {
    /// Returns no value, with the reason.
    pub fn missing(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

/// Number of sessions that began in the range, by the data they have for the requested metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coverage {
    /// Sessions to which at least one metric applies.
    pub eligible: i64,
    /// Sessions to which no metric applies.
    pub not_applicable: i64,
    /// Eligible sessions that lack the data for at least one metric.
    pub unknown: i64,
}

/// A warning about the values.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// `mixed_minutes_basis`: minutes that measure different things were added. `messages_not_fetched`,
    /// `participants_not_fetched`, `transcripts_not_fetched`, `summaries_not_fetched`, `quality_not_fetched`: sources
    /// that do not fetch these are left out. `handoff_mapping_missing`: the configuration does not list the steps that
    /// mean that a human took over. `overlapping_groups`: a session is in several groups, which must not be added.
    /// `rejected_records`: records that could not be normalized are in no value. `previous_not_complete`: the
    /// previous period is not proven complete. `unequal_elapsed`: a range that is not over is compared with one that
    /// is.
    #[schema(example = "mixed_minutes_basis")]
    pub code: &'static str,
    /// Metrics it concerns.
    pub metrics: Vec<&'static str>,
    /// Description.
    pub detail: String,
    /// The bases that were added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<String>,
}

/// The query as interpreted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueryEcho {
    /// Metrics.
    pub metrics: Vec<&'static str>,
    /// Dimensions.
    pub dimensions: Vec<&'static str>,
    /// First instant of the range, RFC 3339 with the zone's offset.
    #[schema(example = "2026-11-18T00:00:00+01:00")]
    pub from: String,
    /// First instant after it.
    #[schema(example = "2026-11-21T00:00:00+01:00")]
    pub to: String,
    /// IANA zone.
    #[schema(example = "Europe/Berlin")]
    pub zone: &'static str,
    /// Granularity of the buckets.
    #[schema(example = "day")]
    pub granularity: &'static str,
    /// Bucket in which sessions that span several buckets are counted: `start`, `end` or `spread`.
    #[schema(example = "start")]
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
    #[schema(example = "channel")]
    pub field: &'static str,
    /// `in`, `not_in`, `is_null` or `is_not_null`.
    #[schema(example = "in")]
    pub op: &'static str,
    /// Values to compare with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Selection of the groups that are shown separately.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TopEcho {
    /// Dimension of the groups.
    #[schema(example = "channel")]
    pub dimension: &'static str,
    /// Metric that ranks the groups.
    #[schema(example = "sessions")]
    pub by: &'static str,
    /// Number of groups.
    #[schema(example = 5)]
    pub n: usize,
}

/// The period that a request is compared with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CompareEcho {
    /// `previous_period`, `previous_year` or `custom`.
    #[schema(example = "previous_period")]
    pub to: &'static str,
    /// `calendar` or `weekday`.
    #[schema(example = "weekday")]
    pub align: &'static str,
    /// `full`, or `same`: only as much of the period counts as has passed of the range.
    #[schema(example = "full")]
    pub elapsed: &'static str,
    /// First instant of the period, RFC 3339 with the zone's offset.
    #[schema(example = "2026-11-11T00:00:00+01:00")]
    pub previous_from: String,
    /// First instant after it.
    #[schema(example = "2026-11-14T00:00:00+01:00")]
    pub previous_to: String,
}
