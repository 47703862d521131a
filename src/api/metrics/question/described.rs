//! The body of a question about figures, as it is documented.
//!
//! Only the description is made from these types; what a body may hold is decided in [`super::body`], which tells all
//! faults at once. A test compares the two.

use serde_json::Value;
use utoipa::ToSchema;

/// A question about figures.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read by hand")]
pub(crate) struct MetricQuestion {
    /// What to measure, at most 10. See `/v1/metrics`.
    #[schema(example = json!(["minutes_consumed", "resolution_rate"]))]
    metrics: Vec<String>,
    /// What to group by, at most 4. Default: nothing.
    #[schema(required = false, example = json!(["provider"]))]
    dimensions: Vec<String>,
    /// When. Default: the last 7 days, as one.
    #[schema(required = false)]
    time: QuestionTime,
    /// Conditions; sessions count that meet all of them.
    #[schema(required = false)]
    filters: Vec<QuestionFilter>,
    /// True: sessions count that are gone at the provider.
    #[schema(required = false, example = false)]
    include_deleted: bool,
    /// Where a session that reaches over several buckets is counted: `start` (default), `end` or `spread`.
    #[schema(required = false, example = "start")]
    attribution: String,
    /// A period to compare with.
    #[schema(required = false)]
    compare: QuestionComparison,
    /// Dimensions by which sub-totals over the whole range are wanted, some of `dimensions`.
    #[schema(required = false, example = json!(["provider"]))]
    totals_by: Vec<String>,
    /// The greatest groups are shown by themselves, the others as one (`is_other`). Default: all are shown.
    #[schema(required = false)]
    top: QuestionTop,
    /// An ISO 8601 duration. Where a stream behind the answer is complete only up to longer ago than this, there is no
    /// answer but a 503.
    #[schema(required = false, example = "PT15M")]
    require_fresh: String,
    /// The figures as they were known at this instant: sessions first seen later are left out, what changed later has its
    /// old value. Only for metrics with `is_kept` in `/v1/metrics`.
    #[schema(required = false, example = "2026-11-19T12:00:00Z")]
    as_known_at: String,
}

/// When.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read by hand")]
pub(crate) struct QuestionTime {
    /// A range by name, such as `last_7_days`; not together with `from` and `to`.
    #[schema(required = false, example = "last_7_days")]
    range: String,
    /// First instant: a date or RFC 3339.
    #[schema(required = false, example = "2026-11-18")]
    from: String,
    /// First instant after the range.
    #[schema(required = false, example = "2026-11-21")]
    to: String,
    /// IANA name of the zone whose days are meant.
    #[schema(required = false, example = "Europe/Berlin")]
    zone: String,
    /// `none` (default), `15_minutes`, `hour`, `day`, `week`, `month`, `quarter`, `year` or `auto`.
    #[schema(required = false, example = "day")]
    granularity: String,
}

/// A condition on the sessions that count.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read by hand")]
pub(crate) struct QuestionFilter {
    /// On what: a dimension of sessions.
    #[schema(example = "channel")]
    field: String,
    /// `in` (default), `not_in` (sessions without a value are in none), `is_null` or `is_not_null`.
    #[schema(required = false, example = "in")]
    op: String,
    /// With what; only with `in` and `not_in`. Texts or numbers.
    #[schema(required = false, value_type = Vec<String>, example = json!(["whatsapp"]))]
    values: Vec<Value>,
}

/// A period to compare with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read by hand")]
pub(crate) struct QuestionComparison {
    /// `previous_period`, `previous_year` or `custom`.
    #[schema(example = "previous_period")]
    to: String,
    /// The ends of a custom period.
    #[schema(required = false)]
    range: QuestionPeriod,
    /// `calendar` (default), or `weekday`: each day is compared with one of the same day of the week.
    #[schema(required = false, example = "weekday")]
    align: String,
    /// `full` (default), or `same`: of a range that is not over only as much is compared as has passed.
    #[schema(required = false, example = "same")]
    elapsed: String,
}

/// The ends of a custom period.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read by hand")]
pub(crate) struct QuestionPeriod {
    /// First instant: a date or RFC 3339.
    #[schema(example = "2026-10-18")]
    from: String,
    /// First instant after it.
    #[schema(example = "2026-10-21")]
    to: String,
}

/// The greatest groups.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read by hand")]
pub(crate) struct QuestionTop {
    /// Of which dimension; default: the only one.
    #[schema(required = false, example = "provider")]
    dimension: String,
    /// Ranked by which of the metrics; default: the first.
    #[schema(required = false, example = "sessions")]
    by: String,
    /// How many, 1 to 1000.
    #[schema(example = 5)]
    n: i64,
}
