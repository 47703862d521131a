//! The answer to a metrics query.
//!
//! Plain data, serialized unchanged. Its names are fixed: each value is found by its metric, its bucket has a status,
//! and the fields beside the rows say how far to trust them. No decisions are made here.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::freshness::Freshness;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::response::request_echo::QueryEcho;
use crate::query::metrics::response::value::Figure;

/// Metric values, and the information needed to trust them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// One row for each bucket and group, by bucket; includes groups without sessions.
    pub rows: Vec<MetricRow>,
    /// Each metric over the whole range and all groups.
    pub totals: BTreeMap<&'static str, Figure>,
    /// Each metric over the whole range by the dimensions of `totals_by`. Present only if these were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtotals: Option<Vec<MetricRow>>,
    /// What the previous values of `totals` contain and those of no row do: the buckets of the previous period that no
    /// bucket of the range is compared with, such as 31 October for November. Present only if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched_previous: Vec<UnmatchedRow>,
    /// Number of sessions behind the response.
    pub coverage: Coverage,
    /// Bases that `minutes_consumed` added: `participant_time`, `session_time` or both. Present only if it was
    /// requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bases: Option<Vec<String>>,
    /// ISO 4217 currency of all values whose unit is `money`. Present only if these were requested and there are rate
    /// cards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Dimension → value → title; of meetings, where titles were requested and the key has `content:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub titles: Option<Titles>,
    /// Warnings to read before using the values.
    pub warnings: Vec<Warning>,
    /// Link to the rows behind a value: a template (RFC 6570). `metrics` is the metric, `from` and `to` are its
    /// bucket's `start` and `end`, `group` is its row's `dimensions` as JSON; the total has the ends of `query` and
    /// no group. A row with `is_other` has its own.
    pub rows_link: String,
    /// Completeness of the data.
    pub freshness: Freshness,
    /// Metric → version of its definition, which increases when its meaning changes.
    pub definitions: BTreeMap<&'static str, u16>,
    /// The query as interpreted.
    pub query: QueryEcho,
}

/// Titles of values of dimensions.
pub type Titles = BTreeMap<&'static str, BTreeMap<String, String>>;

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
    pub bucket: TimeBucket,
    /// The bucket it is compared with; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_bucket: Option<TimeBucket>,
    /// Metric → value.
    pub values: BTreeMap<&'static str, Figure>,
}

/// A half-open range of time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Bucket)]
pub struct TimeBucket {
    /// First instant inside, RFC 3339 with the zone's offset.
    pub start: String,
    /// First instant after it.
    pub end: String,
    /// Completeness of the bucket.
    pub status: BucketStatus,
    /// True if the range cuts the bucket: it is the first or the last, and shorter than the others. Absent otherwise,
    /// and for the buckets compared with.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
}

/// The values of one group in a bucket of the previous period that no bucket of the range is compared with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnmatchedRow {
    /// The group.
    pub dimensions: BTreeMap<&'static str, Option<String>>,
    /// Whether the row stands for all groups that are not shown separately.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_other: bool,
    /// The bucket.
    pub previous_bucket: TimeBucket,
    /// Metric → value in that bucket.
    pub values: BTreeMap<&'static str, Figure>,
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
    /// is. `unmatched_filter_value`: no session that began in the range has that value. `groups_left_out`: `limit`
    /// leaves out groups, which are in the totals. `titles_not_readable`: titles were requested, and the key lacks
    /// `content:read`.
    pub code: &'static str,
    /// Metrics it concerns.
    pub metrics: Vec<&'static str>,
    /// Description.
    pub detail: String,
    /// The bases that were added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<String>,
}
