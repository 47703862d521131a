//! The query of an alert: a query string of `/v1/metrics/query`, read by the same parser and answered by the same
//! engine. An alert says what is asked; when, and in which buckets, follows from its limit.

use axum::extract::FromRequestParts;
use axum::http::Request;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::api::metrics::query::QueryParameters;
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::{Understood, understand};
use crate::api::parameters::{Asked, Faults, Said};
use crate::api::problem::{ApiError, Problem};
use crate::api::state::ApiState;
use crate::model::alert::{AlertLimit, BucketValue, MAX_WAIT_BUCKETS};
use crate::model::source_access::SourceAccess;
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::metrics::answer;
use crate::query::metrics::measure::Additivity;
use crate::query::metrics::status::BucketStatus;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;

/// Buckets that are read besides those that an incident needs, so that a pause of the service loses none of them.
const SPARE_BUCKETS: usize = 24;

/// The reason why an alert could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct AlertProblem {
    /// Kind of problem, for programs.
    pub code: &'static str,
    /// Description, with advice.
    pub detail: String,
}

impl From<ApiError> for AlertProblem {
    fn from(error: ApiError) -> Self {
        let Problem { code, detail, .. } = error.of_part("alert");
        Self { code, detail }
    }
}

/// Returns the values of an alert's query in its buckets, oldest first: of a threshold those after `through`, of a
/// budget the last month and the current one.
pub async fn bucket_values(
    state: &ApiState,
    query: &str,
    limit: &AlertLimit,
    through: Option<DateTime<Utc>>,
) -> Result<Vec<BucketValue>, AlertProblem> {
    let Understood { query, catalog, now, .. } = read(state, query, limit, through).await?;
    let answered = async {
        let snapshot = Snapshot::take(&state.pool).await?;
        answer(&snapshot, &catalog, &query, now).await
    };
    let answer = answered.await.map_err(ApiError::from)?;
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let whole = answer.rows.iter().filter(|row| !row.bucket.is_partial);
    let values = whole.filter_map(|row| {
        let figure = row.values.values().next()?;
        Some(BucketValue {
            from: instant(&row.bucket.start)?,
            to: instant(&row.bucket.end)?,
            value: figure.value.map(|number| number.0),
            reason: figure.reason,
            status: row.bucket.status.as_str(),
            is_complete: row.bucket.status == BucketStatus::Complete,
            unknown_count: figure.unknown_count.unwrap_or_default(),
        })
    });
    Ok(values.collect())
}

/// Checks whether an alert can be asked.
pub async fn check(state: &ApiState, query: &str, limit: &AlertLimit) -> Result<(), AlertProblem> {
    Ok(read(state, query, limit, None).await.map(drop)?)
}

/// Whether a caller who may see these sources may see an alert: its query must be limited to them.
pub(crate) async fn is_visible(query: &str, sources: &SourceAccess) -> bool {
    let Ok((raw_query, _)) = parse(query).await else { return *sources == SourceAccess::All };
    let of_visible = raw_query.filters.iter().any(|filter| {
        let is_list = filter.field.text == "source" && filter.op.as_ref().is_none_or(|op| op.text == "in");
        is_list && filter.values.as_ref().is_some_and(|values| values.iter().all(|said| sources.allows(&said.text)))
    });
    *sources == SourceAccess::All || of_visible
}

async fn parse(query: &str) -> Result<(RawQuery, Faults), ApiError> {
    let request = Request::builder().uri(format!("/?{query}")).body(());
    let Ok((mut parts, ())) = request.map(Request::into_parts) else {
        let mut faults = Faults::default();
        faults.note("query", "unreadable", "The query string cannot be read; encode blanks and the like.");
        return Err(faults.into_error());
    };
    let Asked { given, faults } = Asked::<QueryParameters>::from_request_parts(&mut parts, &()).await?;
    Ok((given.raw_query(), faults))
}

async fn read(
    state: &ApiState,
    query: &str,
    limit: &AlertLimit,
    through: Option<DateTime<Utc>>,
) -> Result<Understood, ApiError> {
    let (mut raw_query, mut faults) = parse(query).await?;
    refuse_what_is_fixed(&raw_query, limit, &mut faults);
    let now = state.clock.now();
    let zone = raw_query.time.read(state.default_zone, now, &mut Faults::default()).zone;
    let granularity = match limit {
        AlertLimit::MonthlyBudget { .. } => Granularity::Month,
        AlertLimit::Threshold { .. } => Granularity::Day,
    };
    let range = range(limit, &raw_query, through, (now, zone));
    if let Some(TimeRange { from, to }) = range.filter(|_| !raw_query.time.is_said()) {
        let said = |name, at: DateTime<Utc>| Said::by_parameter(name, &at.to_rfc3339_opts(SecondsFormat::Micros, true));
        (raw_query.time.from, raw_query.time.to) = (Some(said("from", from)), Some(said("to", to)));
    }
    let understood = understand(state, &raw_query, granularity, MAX_BUCKETS, faults).await?;
    let mut faults = Faults::default();
    let is_budget = matches!(limit, AlertLimit::MonthlyBudget { .. });
    for metric in understood.query.metrics.iter().filter(|metric| is_budget && metric.additivity() != Additivity::Sum) {
        let detail = format!("`{}` does not add up over a month, so it has no budget; set a threshold.", metric.id);
        faults.note("metrics", "not_for_alerts", detail);
    }
    faults.refuse()?;
    Ok(understood)
}

/// Notes a fault for each part of the query that follows from the limit, or that leads to more than one value.
fn refuse_what_is_fixed(raw_query: &RawQuery, limit: &AlertLimit, faults: &mut Faults) {
    if raw_query.metrics.len() != 1 {
        faults.note("metrics", "not_for_alerts", "An alert has one metric.");
    }
    let time = &raw_query.time;
    let single = [
        (time.range.is_some() || time.from.is_some() || time.to.is_some(), "range"),
        (!raw_query.dimensions.is_empty(), "dimensions"),
        (raw_query.compare.is_some(), "compare"),
        (!raw_query.totals_by.is_empty(), "totals_by"),
        (raw_query.top.is_some(), "top"),
        (raw_query.order_by.is_some(), "order_by"),
        (raw_query.limit.is_some(), "limit"),
        (raw_query.shape.is_some(), "shape"),
        (raw_query.titles.is_some(), "titles"),
        (raw_query.require_fresh.is_some(), "require_fresh"),
        (raw_query.as_known_at.is_some(), "as_known_at"),
        (raw_query.granularity.is_some() && matches!(limit, AlertLimit::MonthlyBudget { .. }), "granularity"),
    ];
    for (_, name) in single.into_iter().filter(|(is_said, _)| *is_said) {
        faults.note(name, "not_for_alerts", format!("An alert has no `{name}`: omit it."));
    }
    if let Some(said) = raw_query.granularity.as_ref().filter(|said| length(&said.text).is_none()) {
        let detail = "The buckets of an alert are `15_minutes`, `hour`, `day`, `week` or `month`.";
        faults.note(&said.at, "not_for_alerts", detail);
    }
}

/// Returns the longest bucket of a granularity.
fn length(granularity: &str) -> Option<TimeDelta> {
    Some(match Granularity::parse(granularity)? {
        Granularity::FifteenMinutes => TimeDelta::minutes(15),
        Granularity::Hour => TimeDelta::hours(1),
        Granularity::Day => TimeDelta::hours(25),
        Granularity::Week => TimeDelta::hours(24 * 7 + 1),
        Granularity::Month => TimeDelta::days(31),
        Granularity::Quarter | Granularity::Year | Granularity::None => return None,
    })
}

fn range(
    limit: &AlertLimit,
    raw_query: &RawQuery,
    through: Option<DateTime<Utc>>,
    (now, zone): (DateTime<Utc>, Tz),
) -> Option<TimeRange> {
    let for_buckets = match limit {
        AlertLimit::Threshold { for_buckets, .. } => usize::try_from(*for_buckets).unwrap_or(100),
        AlertLimit::MonthlyBudget { .. } => {
            let from = TimeRange::named("previous_month", now, zone)?.from;
            return Some(TimeRange { from, to: TimeRange::named("this_month", now, zone)?.to });
        }
    };
    let length = length(raw_query.granularity.as_ref().map_or("day", |said| said.text.as_str()))?;
    let count = i32::try_from(for_buckets + MAX_WAIT_BUCKETS + SPARE_BUCKETS).unwrap_or(i32::MAX);
    let earliest = now - length * count;
    // of a cut bucket the value would be too low: the first one is left out, unless the range begins where it does
    Some(TimeRange {
        from: through.filter(|through| *through > earliest && *through < now).unwrap_or(earliest),
        to: now,
    })
}
