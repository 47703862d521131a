//! `GET /v1/concurrency`: concurrent sessions, by bucket or by hour of the week.
//!
//! A shortcut: it names the two concurrency metrics and is answered like every metric query. By hour of the
//! week, it folds the hours of that answer onto one week.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::formats::cell::{Cell, Field, Head, Kind};
use crate::api::formats::{Form, FormParameter, describe, table};
use crate::api::metrics::question::parameters::{
    FieldParameters, GranularityParameter, MetricParameters, ShapeParameters, texts,
};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::{Shape, Understood, understand};
use crate::api::metrics::{Question, check_form, codes, respond};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::{Asked, Faults, Said, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FigureProblems;
use crate::api::state::ForCaller;
use crate::query::bucket::Granularity;
use crate::query::freshness::Freshness;
use crate::query::metrics::answer::{Answer, Warning};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::hour_of_week::{HourOfWeek, by_hour_of_week};
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MAX_DIMENSIONS;
use crate::query::metrics::request_echo::QueryEcho;
use crate::query::metrics::series::answer::SeriesAnswer;
use crate::query::metrics::series::series_of_week;
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
    /// One row for each group and hour of the week in the range, by group, weekday and hour.
    rows: Vec<HourOfWeek>,
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
    /// With `shape=series`; the axis of hours of the week is `local_hour`, with a series for each group and weekday.
    Series(SeriesAnswer),
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
        raw_query.order_by.as_ref().map(|said| &said.at),
        raw_query.limit.as_ref().map(|said| &said.at),
    ];
    for at in locations.into_iter().flatten() {
        let detail = format!("`by=hour_of_week` does not support `{at}`: omit it, or query by bucket.");
        faults.note(at, "conflicting_parameters", detail);
    }
}

/// Query concurrency
///
/// The most sessions at once and their average over time, by provider and hour unless `by` and `granularity` are given;
/// the same as `/v1/metrics/query` with `peak_concurrent_sessions` and `average_concurrent_sessions`. With
/// `by=hour_of_week` the response has `rows`, one for each weekday and hour of the zone.
#[utoipa::path(
    get, path = "/v1/concurrency", tag = "figures",
    params(ByParameter, TimeParameters, GranularityParameter, ShapeParameters, FieldParameters, FormParameter),
    responses(
        (status = 200, description = "The values by bucket, or with `by=hour_of_week` by hour of the week.", content(
            (ConcurrencyAnswer = "application/json", example = json!({
                "rows": [{"dimensions": {"provider": "realtimekit", "local_weekday": "1", "local_hour": "09"}, "hour_count": 4,
                           "complete_hour_count": 4, "status": "complete",
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
    check_form(&raw_query, form.as_ref().ok(), &mut faults);
    let understood = understand(&state, &raw_query, Granularity::Hour, MAX_HOURS, faults).await?;
    let (form, question) = (form?, Question::of(&state, understood)?);
    let tag = question.tag(&format!("hour_of_week {form:?}"));
    if tag.is_held_by(&headers) {
        return Ok(tag.not_modified());
    }
    let compute = async {
        let answer = question.answer(&Snapshot::take(&state.pool).await?).await?;
        let Understood { query, now, arrangement, .. } = &question.understood;
        let rows = by_hour_of_week(query, &answer, *now);
        let codes = codes(&answer);
        let response = match (form, arrangement.shape) {
            (Form::Json, Shape::Series) => tag.answer(series_of_week(query, answer, &rows)),
            (Form::Json, Shape::Rows) => {
                let Answer { warnings, freshness, query, .. } = answer;
                tag.answer(HoursOfWeek { rows, warnings, freshness, query })
            }
            (form, _) => {
                let (head, rows) = heat_table(&rows, &query.metrics, &query.dimensions);
                tag.mark(table(form, head, &rows)?)
            }
        };
        Ok(describe(response, &question.freshness, codes))
    };
    state.memory.answer(&tag, &headers, compute).await
}

fn heat_table(items: &[HourOfWeek], metrics: &[&'static Metric], dimensions: &[Dimension]) -> (Head, Vec<Vec<Cell>>) {
    let of_clock = [Dimension::LocalWeekday, Dimension::LocalHour];
    let names: Vec<&str> = of_clock.iter().chain(dimensions).map(|dimension| dimension.as_str()).collect();
    let mut head: Head = names.iter().map(|name| ((*name).to_owned(), Kind::Text)).collect();
    head.extend(["hour_count", "complete_hour_count"].map(|name| (name.to_owned(), Kind::Integer)));
    for metric in metrics {
        head.push((metric.id.to_owned(), Kind::Decimal));
        head.push((format!("{}_unknown_count", metric.id), Kind::Integer));
        head.push((format!("{}_reason", metric.id), Kind::Text));
    }
    let none = Value::default();
    let row = |item: &HourOfWeek| {
        let mut row: Vec<Cell> = names.iter().map(|name| item.dimensions.get(name).cloned().flatten().cell()).collect();
        row.extend([item.hour_count, item.complete_hour_count].map(|count| Cell::Integer(i64::from(count))));
        for metric in metrics {
            let value = item.values.get(metric.id).unwrap_or(&none);
            row.extend([value.value.cell(), value.unknown_count.cell(), value.reason.cell()]);
        }
        row
    };
    (head, items.iter().map(row).collect())
}
