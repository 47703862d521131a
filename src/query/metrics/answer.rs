//! The form of an answer about figures.
//!
//! Plain data that is written out as it stands. Its names are fixed: a reader finds each figure by metric, its
//! bucket with a status, and beside the rows all that is needed to trust them. Decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::freshness::Freshness;
use crate::query::metrics::status::BucketStatus;
use crate::query::number::Number;

/// Figures, and all that is needed to trust them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// One row for each bucket and group, by bucket; groups without sessions stand there too.
    pub rows: Vec<MetricRow>,
    /// Each metric over the whole range and all groups.
    pub totals: BTreeMap<&'static str, Value>,
    /// How many sessions the answer rests on.
    pub coverage: Coverage,
    /// What `minutes_consumed` added: `participant_time`, `session_time` or both. Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bases: Option<Vec<String>>,
    /// What a reader should know before using the figures.
    pub warnings: Vec<Warning>,
    /// How far the data is complete.
    pub freshness: Freshness,
    /// The question as it was understood.
    pub query: QueryEcho,
}

/// The figures of one group in one bucket.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricRow {
    /// The group: one value for each dimension asked for; null is a group of its own.
    pub dimensions: BTreeMap<&'static str, Option<String>>,
    /// The bucket.
    pub bucket: Bucket,
    /// Metric → figure.
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
    /// How far it is proven.
    pub status: BucketStatus,
}

/// A figure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Value {
    /// The figure; null: see the reason.
    pub value: Option<Number>,
    /// Of a ratio: the part above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Number>,
    /// Of a ratio: the part below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Number>,
    /// Sessions (of some metrics: presences, see `null_rule`) that should have told the figure and did not; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_count: Option<i64>,
    /// True where a percentile rests on fewer than 20 values; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_sample: Option<bool>,
    /// Why there is no figure: `not_applicable`, `not_fetched`, `handoff_mapping_missing`, `unknown`, `no_data`, or the status of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not_applicable")]
    pub reason: Option<&'static str>,
}

impl Value {
    /// No figure, and why.
    pub fn missing(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

/// How many sessions began in the range, by what they can say to the metrics asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coverage {
    /// At least one metric means something for them.
    pub eligible: i64,
    /// None of the metrics does.
    pub not_applicable: i64,
    /// Eligible ones that did not tell at least one metric.
    pub unknown: i64,
}

/// Something a reader should know.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// `mixed_minutes_basis`: minutes that measure different things were added. `messages_not_fetched`,
    /// `participants_not_fetched`, `transcripts_not_fetched`, `summaries_not_fetched`, `quality_not_fetched`: sources of which these are not
    /// read are left out. `handoff_mapping_missing`: nobody has said which steps mean that a human took over.
    /// `overlapping_groups`: a session stands in several groups, which must not be added. `rejected_records`: records that could not be normalized are in no figure.
    #[schema(example = "mixed_minutes_basis")]
    pub code: &'static str,
    /// Metrics it concerns.
    pub metrics: Vec<&'static str>,
    /// In words.
    pub detail: String,
    /// The bases that were added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<String>,
}

/// The question as it was understood.
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
    /// How the range was cut.
    #[schema(example = "day")]
    pub granularity: &'static str,
}
