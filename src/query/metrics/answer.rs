//! The form of an answer about figures.
//!
//! Plain data that is written out as it stands. Its names are fixed: a reader finds each figure by metric, its
//! bucket with a status, and beside the rows all that is needed to trust them. Decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::freshness::Freshness;
use crate::query::metrics::compare::Change;
use crate::query::metrics::status::BucketStatus;
use crate::query::number::Number;

/// Figures, and all that is needed to trust them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// One row for each bucket and group, by bucket; groups without sessions stand there too.
    pub rows: Vec<MetricRow>,
    /// Each metric over the whole range and all groups.
    pub totals: BTreeMap<&'static str, Value>,
    /// Each metric over the whole range by the dimensions of `totals_by`. Only where these were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtotals: Option<Vec<MetricRow>>,
    /// How many sessions the answer rests on.
    pub coverage: Coverage,
    /// What `minutes_consumed` added: `participant_time`, `session_time` or both. Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bases: Option<Vec<String>>,
    /// ISO 4217, of all figures whose unit is `money`. Only where these were asked for and there are rate cards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "USD")]
    pub currency: Option<String>,
    /// What a reader should know before using the figures.
    pub warnings: Vec<Warning>,
    /// Where the rows behind a figure are: a template (RFC 6570). `metrics` is the figure's name, `from` and `to` are its
    /// bucket's `start` and `end`, `group` is its row's `dimensions` as JSON; the total has the ends of `query` and no group. A row with `is_other` has its own.
    #[schema(example = "/v1/metrics/rows?zone=Europe/Berlin{&metrics,from,to,group}")]
    pub rows_link: String,
    /// How far the data is complete.
    pub freshness: Freshness,
    /// Metric → version of its definition, which grows when it changes its meaning.
    pub definitions: BTreeMap<&'static str, u16>,
    /// The question as it was understood.
    pub query: QueryEcho,
}

/// The figures of one group in one bucket.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricRow {
    /// The group: one value for each dimension asked for; null is a group of its own.
    pub dimensions: BTreeMap<&'static str, Option<String>>,
    /// Whether it stands for all groups that are not shown by themselves, so that the parts make up the whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_other: bool,
    /// With `is_other`: a template as the answer's, whose `group` leaves out the dimension of `top`. Absent where the rest
    /// of a dimension cannot be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_link: Option<String>,
    /// The bucket.
    pub bucket: Bucket,
    /// The bucket it is compared with; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_bucket: Option<Bucket>,
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
    /// What it was in the period before. Only where a comparison was asked for.
    #[serde(flatten)]
    pub comparison: Option<Change>,
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
    /// `participants_not_fetched`, `transcripts_not_fetched`, `summaries_not_fetched`, `quality_not_fetched`: sources of
    /// which these are not read are left out. `handoff_mapping_missing`: nobody has said which steps mean that a human
    /// took over. `overlapping_groups`: a session stands in several groups, which must not be added.
    /// `rejected_records`: records that could not be normalized are in no figure. `previous_not_complete`: the period
    /// compared with is not proven complete. `unequal_elapsed`: a range that is not over is compared with one that is.
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
    /// Where sessions that reach over several buckets are counted: `start`, `end` or `spread`.
    #[schema(example = "start")]
    pub attribution: &'static str,
    /// Conditions on the sessions that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterEcho>,
    /// Whether sessions count that are gone at the provider.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
    /// Dimensions of the sub-totals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub totals_by: Vec<&'static str>,
    /// Which groups are shown by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<TopEcho>,
    /// When the figures were known, RFC 3339; absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_known_at: Option<String>,
    /// The period it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareEcho>,
}

/// A condition on the sessions that count.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FilterEcho {
    /// On what.
    #[schema(example = "channel")]
    pub field: &'static str,
    /// `in`, `not_in`, `is_null` or `is_not_null`.
    #[schema(example = "in")]
    pub op: &'static str,
    /// With what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Which groups are shown by themselves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TopEcho {
    /// Of which dimension.
    #[schema(example = "channel")]
    pub dimension: &'static str,
    /// Ranked by which metric.
    #[schema(example = "sessions")]
    pub by: &'static str,
    /// How many.
    #[schema(example = 5)]
    pub n: usize,
}

/// The period a question is compared with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CompareEcho {
    /// `previous_period`, `previous_year` or `custom`.
    #[schema(example = "previous_period")]
    pub to: &'static str,
    /// `calendar` or `weekday`.
    #[schema(example = "weekday")]
    pub align: &'static str,
    /// `full`, or `same`: only as much of it counts as has passed of the range.
    #[schema(example = "full")]
    pub elapsed: &'static str,
    /// First instant of the period, RFC 3339 with the zone's offset.
    #[schema(example = "2026-11-11T00:00:00+01:00")]
    pub previous_from: String,
    /// First instant after it.
    #[schema(example = "2026-11-14T00:00:00+01:00")]
    pub previous_to: String,
}
