//! `GET /v1/concurrency`: concurrent sessions, by bucket or by hour of the week.
//!
//! A shortcut: it names the two concurrency metrics and is answered like every metric query. By hour of the
//! week, it folds the hours of that answer onto one week.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::etag::EntityTag;
use crate::api::formats::cell::{Cell, Field, Head, Kind};
use crate::api::formats::{Form, FormParameter, describe, table};
use crate::api::metrics::question::parameters::{
    FieldParameters, GranularityParameter, MetricParameters, ShapeParameters, texts,
};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::{Understood, understand};
use crate::api::metrics::{freshness, normal_form, respond};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::{Asked, Faults, Said, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FigureProblems;
use crate::api::state::ForCaller;
use crate::query::bucket::Granularity;
use crate::query::freshness::Freshness;
use crate::query::metrics::answer;
use crate::query::metrics::answer::{Answer, Warning};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::hour_of_week::{HourOfWeek, by_hour_of_week};
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MAX_DIMENSIONS;
use crate::query::metrics::request_echo::QueryEcho;
use crate::query::metrics::value::Value;
use crate::query::snapshot::Snapshot;

const METRICS: &str = "peak_concurrent_sessions,average_concurrent_sessions";
const HOUR_OF_WEEK: &str = "hour_of_week";
/// Most hours that are folded onto one week: a year and a day.
const MAX_HOURS: usize = 8_785;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ByParameter {
    /// Grouping; `hour_of_week`: one value for each weekday and hour of the zone. Default: `provider`.
    #[param(example = "hour_of_week")]
    by: Option<String>,
}

parameter_groups! {
    ConcurrencyParameters { by: ByParameter, common: MetricParameters }
}

/// Concurrent sessions by hour of the week.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeatMap)]
pub(crate) struct HoursOfWeek {
    /// One item for each group and hour of the week in the range, by group, weekday and hour.
    items: Vec<HourOfWeek>,
    /// Warnings about the values.
    warnings: Vec<Warning>,
    /// Completeness of the data.
    freshness: Freshness,
    /// The query as interpreted.
    query: QueryEcho,
}

/// The response.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is only documented")]
pub(crate) enum ConcurrencyAnswer {
    /// By bucket.
    Buckets(Answer),
    /// With `by=hour_of_week`.
    HourOfWeek(HoursOfWeek),
}

/// The grouping of a query.
struct By {
    dimensions: Vec<Said>,
    is_hour_of_week: bool,
}

impl ByParameter {
    fn read(&self, faults: &mut Faults) -> By {
        let mut dimensions = texts("by", self.by.as_deref().or(Some("provider")));
        let is_hour_of_week = dimensions.iter().any(|said| said.text == HOUR_OF_WEEK);
        dimensions.retain(|said| said.text != HOUR_OF_WEEK);
        if dimensions.len() > MAX_DIMENSIONS {
            faults.note("by", "too_many_dimensions", format!("At most {MAX_DIMENSIONS} dimensions."));
            dimensions.truncate(MAX_DIMENSIONS);
        }
        dimensions.retain(|said| {
            let is_known = Dimension::parse(&said.text).is_some();
            if !is_known {
                let allowed = Dimension::ALL.map(Dimension::as_str).into_iter().chain([HOUR_OF_WEEK]);
                faults.note_unknown(&said.at, "unknown_dimension", &said.text, allowed);
            }
            is_known
        });
        By { dimensions, is_hour_of_week }
    }
}

/// Refuses parameters that an answer by hour of the week cannot show.
fn check_laid(raw_query: &RawQuery, faults: &mut Faults) {
    if let Some(said) = raw_query.granularity.as_ref().filter(|said| said.text != "hour") {
        let detail = "By hour of the week, the granularity is always `hour`: omit `granularity`.";
        faults.note(&said.at, "conflicting_parameters", detail);
    }
    let locations = [
        raw_query.compare.as_ref().map(|said| &said.at),
        raw_query.top.as_ref().map(|said| &said.at),
        raw_query.totals_by.first().map(|said| &said.at),
    ];
    for at in locations.into_iter().flatten() {
        let detail = format!("`by=hour_of_week` does not support `{at}`: omit it, or query by bucket.");
        faults.note(at, "conflicting_parameters", detail);
    }
}

/// Query concurrency
///
/// The most sessions at once (`peak_concurrent_sessions`) and their average over time
/// (`average_concurrent_sessions`), by provider and hour unless `by` and `granularity` are given; the same
/// as `/v1/metrics/query` with these metrics. With `by=hour_of_week` the response has `items`, one for each
/// weekday and hour of the zone: the highest peak, the average weighted by time, and the number of such hours
/// in the range. The peak of a whole is not the sum of the peaks of its parts.
#[utoipa::path(
    get, path = "/v1/concurrency", tag = "figures",
    params(ByParameter, TimeParameters, GranularityParameter, ShapeParameters, FieldParameters, FormParameter),
    responses(
        (status = 200, description = "The values by bucket, or with `by=hour_of_week` by hour of the week.", content(
            (ConcurrencyAnswer = "application/json", example = json!({
                "items": [{"dimensions": {"provider": "realtimekit"}, "weekday": 1, "hour": 9, "hour_count": 4, "complete_hour_count": 4,
                           "values": {"average_concurrent_sessions": {"value": 2.25}, "peak_concurrent_sessions": {"value": 5}}}],
                "warnings": [],
                "freshness": crate::api::freshness::example(),
                "query": {"metrics": ["peak_concurrent_sessions", "average_concurrent_sessions"], "dimensions": ["provider"],
                          "from": "2026-10-26T00:00:00+01:00", "to": "2026-11-23T00:00:00+01:00", "zone": "Europe/Berlin", "granularity": "hour",
                          "attribution": "start"}
            })),
            (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The response has not changed."),
        FigureProblems
    )
)]
pub(crate) async fn read_concurrency(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<ConcurrencyParameters>,
) -> Result<Response, ApiError> {
    let By { dimensions, is_hour_of_week } = given.by.read(&mut faults);
    let raw_query = RawQuery { metrics: texts("metrics", Some(METRICS)), dimensions, ..given.common.raw_query() };
    if !is_hour_of_week {
        return respond(&state, &headers, &raw_query, Granularity::Hour, &given.common.form, faults).await;
    }
    check_laid(&raw_query, &mut faults);
    let form = given.common.form.read(&headers, &mut faults);
    let understood = understand(&state, &raw_query, Granularity::Hour, MAX_HOURS, faults).await?;
    let form = form?;
    let (freshness, is_brief) = freshness(&understood)?;
    let Understood { query, catalog, now, .. } = understood;
    let question = format!("hour_of_week {} {form:?}", normal_form(&query, now, &freshness));
    let tag = EntityTag::of(&catalog, &question).brief_if(is_brief);
    if tag.is_held_by(&headers) {
        return Ok(tag.not_modified());
    }
    let compute = async {
        let snapshot = Snapshot::take(&state.pool).await?;
        let answer = answer(&snapshot, &catalog, &query, now).await?;
        let items = by_hour_of_week(&query, &answer, now);
        let codes: Vec<&'static str> = answer.warnings.iter().map(|warning| warning.code).collect();
        let response = if form == Form::Json {
            let Answer { warnings, freshness, query, .. } = answer;
            tag.answer(HoursOfWeek { items, warnings, freshness, query })
        } else {
            let (head, rows) = heat_table(&items, &query.metrics, &query.dimensions);
            tag.mark(table(form, head, &rows)?)
        };
        Ok(describe(response, &freshness, codes))
    };
    state.memory.answer(&tag, &headers, compute).await
}

fn heat_table(items: &[HourOfWeek], metrics: &[&'static Metric], dimensions: &[Dimension]) -> (Head, Vec<Vec<Cell>>) {
    let counts = ["weekday", "hour", "hour_count", "complete_hour_count"];
    let mut head: Head = counts.iter().map(|name| ((*name).to_owned(), Kind::Integer)).collect();
    head.extend(dimensions.iter().map(|dimension| (dimension.as_str().to_owned(), Kind::Text)));
    for metric in metrics {
        head.push((metric.id.to_owned(), Kind::Decimal));
        head.push((format!("{}_unknown_count", metric.id), Kind::Integer));
        head.push((format!("{}_reason", metric.id), Kind::Text));
    }
    let none = Value::default();
    let row = |item: &HourOfWeek| {
        let counts = [item.weekday, item.hour, item.hour_count, item.complete_hour_count];
        let mut row: Vec<Cell> = counts.iter().map(|count| Cell::Integer(i64::from(*count))).collect();
        row.extend(dimensions.iter().map(|d| item.dimensions.get(d.as_str()).cloned().flatten().cell()));
        for metric in metrics {
            let value = item.values.get(metric.id).unwrap_or(&none);
            row.extend([value.value.cell(), value.unknown_count.cell(), value.reason.cell()]);
        }
        row
    };
    (head, items.iter().map(row).collect())
}
