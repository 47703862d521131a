//! `GET` and `POST /v1/metrics/explain`: the explanation of a metric value.
//!
//! A query about one metric, read by the same rules as every metric query, with parameters of its own: the
//! group, the instant of `changed_since`, the period to compare with, and the dimensions of the drivers.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use crate::api::json_body::JsonBody;
use crate::api::metrics::figure::{FigureChoice, FigureParameters, Values, choose, subject};
use crate::api::metrics::question::body::{self, location};
use crate::api::metrics::question::parameters::{AsOfParameter, FieldParameters, texts};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::schema::{MetricQuestion, QuestionFilter, QuestionTime};
use crate::api::metrics::question::{Understood, understand};
use crate::api::parameters::time::{TimeParameters, instant};
use crate::api::parameters::{Asked, FaultLocation, Faults, Said, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::{AskProblems, ReadProblems};
use crate::api::state::{ApiState, ForCaller};
use crate::model::request_body::{RequestBody, request_body};
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::metrics::compare::CompareTo;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::{CHANGED_WITHIN, Explaining, Explanation, before, explain};
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainChoice {
    /// Instant since which changes are listed. Default: 24 hours ago.
    #[param(example = "2026-11-19T12:00:00Z")]
    changed_since: Option<String>,
    /// Default: `previous_period`.
    #[param(example = "previous_year")]
    compare: Option<String>,
    /// Dimensions of the drivers. Default: all the metric can be grouped by.
    #[param(example = "channel,outcome")]
    drivers: Option<String>,
}

parameter_groups! {
    /// Parameters of the endpoint.
    ExplainParameters { figure: FigureParameters, choice: ExplainChoice }
}

request_body! {
    /// A metric value to explain: a query about one metric, with parameters of its own.
    pub(crate) struct ExplainBody {
        /// Id of the metric.
        metrics: Vec<String>,
        /// The group, as the `dimensions` of a row. Default: all sessions.
        #[schema(required = false)]
        group: BTreeMap<String, Option<String>>,
        /// Time range.
        #[schema(required = false)]
        time: QuestionTime,
        /// Conditions; only sessions that meet all of them count.
        #[schema(required = false)]
        filters: Vec<QuestionFilter>,
        /// True: sessions that no longer exist at the provider count.
        #[schema(required = false)]
        include_deleted: bool,
        /// As in `/v1/metrics/query`; default `start`.
        #[schema(required = false)]
        attribution: String,
        /// The instant as of whose knowledge the value is computed.
        #[schema(required = false)]
        as_known_at: String,
        /// Instant since which changes are listed. Default: 24 hours ago.
        #[schema(required = false)]
        changed_since: String,
        /// As in the address.
        #[schema(required = false)]
        compare: String,
        /// Dimensions of the drivers. Default: all whose groups make up the metric.
        #[schema(required = false)]
        drivers: Vec<String>,
    }
}

impl ExplainBody {
    /// Returns the query about the metric.
    fn question(&self) -> MetricQuestion {
        MetricQuestion {
            metrics: self.metrics.clone(),
            time: self.time.clone(),
            filters: self.filters.clone(),
            include_deleted: self.include_deleted.clone(),
            attribution: self.attribution.clone(),
            as_known_at: self.as_known_at.clone(),
            ..MetricQuestion::of(&Map::new(), "")
        }
    }
}

/// Explain a metric value
///
/// The value with its definition; `parts`, its composition; `left_out`, the sessions in the range that do not count, by
/// reason; `changed`, its changes since yesterday; `previous`, the compared period, with the `drivers` of the change by
/// each dimension, which add up to it exactly (of a ratio: by rate and by mix); `sql`, one statement over the schema
/// `analytics` that returns the value and runs in psql; `rows`, the link to the rows behind it.
#[utoipa::path(
    get, path = "/v1/metrics/explain", tag = "figures",
    params(FigureChoice, TimeParameters, AsOfParameter, FieldParameters, ExplainChoice),
    responses((status = 200, description = "The explanation.", body = Explanation, example = json!(example())), ReadProblems)
)]
pub(crate) async fn read_explanation(
    ForCaller(state): ForCaller,
    asked: Asked<ExplainParameters>,
) -> Result<Json<Explanation>, ApiError> {
    explained(&state, asked).await.map(Json)
}

/// Explains the value that parameters identify.
pub(crate) async fn explained(
    state: &ApiState,
    Asked { given, mut faults }: Asked<ExplainParameters>,
) -> Result<Explanation, ApiError> {
    let (raw_query, values) = given.figure.raw_query(&mut faults);
    let since = given.choice.changed_since.as_ref().map(|text| Said::by_parameter("changed_since", text));
    let compare = given.choice.compare.as_ref().map(|text| Said::by_parameter("compare", text));
    let drivers = texts("drivers", given.choice.drivers.as_deref());
    respond(state, Asking { raw_query, values, since, compare, drivers }, faults).await
}

/// Explain a metric value (body)
///
/// As `GET /v1/metrics/explain`, for values whose group or lists do not fit into an address. Changes nothing.
#[utoipa::path(
    post, path = "/v1/metrics/explain", tag = "figures",
    request_body(content = ExplainBody, example = json!({
        "metrics": ["resolution_rate"], "time": {"from": "2026-11-18", "to": "2026-11-21", "zone": "Europe/Berlin"},
        "filters": [{"field": "source", "values": ["konvo-eu"]}], "group": {"channel": "whatsapp"}
    })),
    responses((status = 200, description = "The explanation.", body = Explanation, example = json!(example())), AskProblems)
)]
pub(crate) async fn ask_explanation(
    ForCaller(state): ForCaller,
    JsonBody(body): JsonBody,
) -> Result<Json<Explanation>, ApiError> {
    let (mut faults, nothing) = (Faults::default(), Map::new());
    let members = body.as_object().unwrap_or(&nothing);
    let asked = ExplainBody::of(members, "");
    for name in NOT_OF_ONE_FIGURE.into_iter().filter(|name| members.contains_key(*name)) {
        let detail = format!("A single value has no `{name}`; identify it with `group`.");
        faults.note(FaultLocation::Pointer(format!("/{name}")), "unknown_field", detail);
    }
    let since = asked.changed_since.value.as_ref();
    let since = since.and_then(|value| text(location(&asked.changed_since), value, &mut faults));
    let compare = asked.compare.value.as_ref();
    let compare = compare.and_then(|value| text(location(&asked.compare), value, &mut faults));
    let named = match &asked.drivers.value {
        None => &[],
        Some(Value::Array(named)) => named.as_slice(),
        Some(_) => {
            faults.note(location(&asked.drivers), "wrong_type", "The value must be a list of dimensions.");
            &[]
        }
    };
    let place = |index: usize| FaultLocation::Pointer(format!("{}/{index}", asked.drivers.pointer()));
    let drivers = named.iter().enumerate().filter_map(|(at, name)| text(place(at), name, &mut faults)).collect();
    let mut raw_query = if body.is_object() {
        let others = members.keys().filter(|name| !ExplainBody::FIELDS.contains(&name.as_str()));
        body::note_unknown_fields(others, "", MetricQuestion::FIELDS, &mut faults);
        body::query(&asked.question(), &mut faults)
    } else {
        body::read(&body, "", &mut faults)
    };
    let values = choose(&mut raw_query, asked.group.value.as_ref(), &location(&asked.group), &mut faults);
    respond(&state, Asking { raw_query, values, since, compare, drivers }, faults).await.map(Json)
}

/// Fields of a query about many values that a query about one value may not have.
const NOT_OF_ONE_FIGURE: [&str; 8] =
    ["dimensions", "totals_by", "top", "order_by", "limit", "shape", "titles", "require_fresh"];

/// An explanation as it was requested.
struct Asking {
    raw_query: RawQuery,
    values: Values,
    since: Option<Said>,
    compare: Option<Said>,
    drivers: Vec<Said>,
}

async fn respond(
    state: &ApiState,
    Asking { raw_query, values, since, compare, drivers }: Asking,
    mut faults: Faults,
) -> Result<Explanation, ApiError> {
    let now = state.clock.now();
    let question = Explaining {
        since: since.map_or(now - CHANGED_WITHIN, |said| instant_before(&said, state, now, &mut faults)),
        compare: compare.map_or(Some(CompareTo::PreviousPeriod), |said| period(&said, &mut faults)),
        dimensions: drivers.iter().filter_map(|said| dimension(said, &mut faults)).collect(),
        is_of_days: raw_query.time.is_of_days(),
        now,
    };
    let mut understood = understand(state, &raw_query, Granularity::None, MAX_BUCKETS, faults).await?;
    check_drivers(&understood, &drivers)?;
    // far enough back for the period of comparison
    let range = understood.query.range;
    if let Some(to) = question.compare {
        let from = before(range, to, question.is_of_days, understood.query.zone, now).from.min(range.from);
        understood.catalog = state.catalog(Some(TimeRange { from, to: range.to })).await?;
    }
    let Some(subject) = subject(&understood, values) else {
        return Err(Faults::default().into_error()); // unreachable: a query has a metric
    };
    Ok(explain(&Snapshot::take(&state.pool).await?, &understood.catalog, &subject, &question).await?)
}

/// Refuses drivers by dimensions that the metric cannot be grouped by.
fn check_drivers(understood: &Understood, drivers: &[Said]) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    let named = drivers.iter().filter_map(|said| Some((said, Dimension::parse(&said.text)?)));
    for (said, dimension) in named {
        for metric in understood.query.metrics.iter().filter(|metric| !metric.can_be_grouped_by(dimension)) {
            let detail =
                format!("`{}` cannot be grouped by `{}`; see `dimensions` in /v1/metrics.", metric.id, said.text);
            faults.note(&said.at, "not_groupable", detail);
        }
    }
    faults.refuse()
}

fn instant_before(said: &Said, state: &ApiState, now: DateTime<Utc>, faults: &mut Faults) -> DateTime<Utc> {
    let since = instant(said, state.default_zone, faults);
    if since.is_some_and(|since| since > now) {
        faults.note(&said.at, "time_in_future", "This instant is in the future; give an instant of the past.");
    }
    since.unwrap_or(now)
}

/// Names of the periods that a value is compared with.
pub(crate) const COMPARED: [&str; 3] = [CompareTo::PreviousPeriod.as_str(), CompareTo::PreviousYear.as_str(), "none"];

/// Reads the period to compare with; `None`: none.
fn period(said: &Said, faults: &mut Faults) -> Option<CompareTo> {
    if !COMPARED.contains(&said.text.as_str()) {
        faults.note_unknown(&said.at, "unknown_value", &said.text, COMPARED);
    }
    [CompareTo::PreviousPeriod, CompareTo::PreviousYear].into_iter().find(|to| to.as_str() == said.text)
}

fn dimension(said: &Said, faults: &mut Faults) -> Option<Dimension> {
    let dimension = Dimension::parse(&said.text);
    if dimension.is_none() {
        faults.note_unknown(&said.at, "unknown_dimension", &said.text, Dimension::ALL.map(Dimension::as_str));
    }
    dimension
}

fn text(at: FaultLocation, value: &Value, faults: &mut Faults) -> Option<Said> {
    let text = value.as_str().map(ToOwned::to_owned);
    if text.is_none() {
        faults.note(&at, "wrong_type", "The value must be a text.");
    }
    text.map(|text| Said { at, text })
}

/// Returns an explanation for the API's description.
fn example() -> Value {
    json!({
        "metric": "resolution_rate", "definition_version": 1, "label": "Resolution rate", "unit": "ratio",
        "description": "Resolved sessions among those completed.",
        "formula": "count(outcome = 'resolved') / count(…)",
        "null_rule": "Only known outcomes count.",
        "bucket": {"start": "2026-11-18T00:00:00+01:00", "end": "2026-11-19T00:00:00+01:00", "status": "complete"},
        "figure": {"value": 0.742, "numerator": 371, "denominator": 500, "unknown_count": 12},
        "parts": {"by": "outcome", "items": [{"class": "resolved", "numerator": 371, "denominator": 371},
                                             {"class": "unresolved", "numerator": 0, "denominator": 129}]},
        "left_out": {"open": 41, "stale_open": 7, "unknown": 12, "not_applicable": 63, "rejected": 1, "deleted": 2,
                     "breakout_rooms": 0, "out_of_coverage": []},
        "classes": {"rows": 514, "counted": 500, "partly_known": 0, "unknown": 12, "deleted": 2, "breakout_rooms": 0, "not_measured": 0},
        "changed": {"since": "2026-11-19T12:00:00Z", "value_then": {"value": 0.739},
                    "sessions_new": 18, "sessions_changed": 3, "sessions_gone": 0, "fields": []},
        "previous": {"from": "2026-11-17T00:00:00+01:00", "to": "2026-11-18T00:00:00+01:00",
                     "figure": {"value": 0.749}, "change": -0.007,
                     "drivers": [{"dimension": "channel", "groups": [
                         {"group": "whatsapp", "value": 0.742, "previous": 0.749, "contribution": -0.007}],
                         "remainder": 0}]},
        "sql": "select …;",
        "rows": "/v1/metrics/rows?zone=Europe/Berlin&metrics=resolution_rate&from=2026-11-18&to=2026-11-19",
        "freshness": crate::api::freshness::example()
    })
}
