//! `GET` and `POST /v1/metrics/explain`: why a figure is what it is.
//!
//! Both take the same words: the members of a body are named like the parameters of an address, lists may be arrays and
//! the group an object. A fault of a body is told with its JSON pointer.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::api::documented::ReadProblems;
use crate::api::metrics::figure::{FigureChoice, FigureParameters};
use crate::api::metrics::question::parameters::{FieldParameters, HindsightParameter};
use crate::api::parameters::time::{TimeParameters, instant};
use crate::api::parameters::values::list;
use crate::api::parameters::{Asked, Faults, Said, parameter_groups};
use crate::api::problem::ApiError;
use crate::query::catalog::Catalog;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::{CHANGED_WITHIN, Explaining, Explanation, before, explain};
use crate::query::range::TimeRange;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainChoice {
    /// What changed since this instant. Default: 24 hours ago.
    #[param(example = "2026-11-19T12:00:00Z")]
    changed_since: Option<String>,
    /// Drivers by these dimensions, comma list. Default: all the metric can be grouped by.
    #[param(example = "channel,outcome")]
    drivers: Option<String>,
}

parameter_groups! {
    ExplainParameters { figure: FigureParameters, choice: ExplainChoice }
}

/// A figure that is to be explained: the parameters of the address as members, with all conditions that there are. Lists
/// may be arrays of texts, `group` an object.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"metric": "resolution_rate", "from": "2026-11-18", "to": "2026-11-21", "zone": "Europe/Berlin",
                          "source": ["konvo-eu"], "group": {"channel": "whatsapp"}}))]
pub(crate) struct ExplainBody {
    /// The metric.
    metric: String,
    /// The group, as the `dimensions` of a row.
    group: Option<std::collections::BTreeMap<String, Option<String>>>,
    /// A range by name.
    range: Option<String>,
    /// First instant.
    from: Option<String>,
    /// First instant after the range.
    to: Option<String>,
    /// IANA zone.
    zone: Option<String>,
    /// Providers.
    provider: Option<Vec<String>>,
    /// Slugs of sources.
    source: Option<Vec<String>>,
    /// Channels.
    channel: Option<Vec<String>>,
    /// Outcomes.
    outcome: Option<Vec<String>>,
    /// Kinds of session.
    session_kind: Option<Vec<String>>,
    /// Whether sessions count that are gone at the provider.
    include_deleted: Option<bool>,
    /// The figure as it was known then.
    as_known_at: Option<String>,
    /// What changed since then.
    changed_since: Option<String>,
    /// Drivers by these dimensions.
    drivers: Option<Vec<String>>,
}

/// Why a figure is what it is
///
/// The figure with its definition; `parts`, what it is made of; `left_out`, what is in the range and not in it, by
/// reason; `changed`, what became of it since yesterday; `previous`, the period before, with the `drivers` of the change
/// by each dimension, which add up to it exactly (of a ratio: by rate and by mix); `sql`, one statement over the schema
/// `analytics` that yields it, to be run in psql as it is; `rows`, the way to the rows behind it.
#[utoipa::path(
    get, path = "/v1/metrics/explain", tag = "figures",
    params(FigureChoice, TimeParameters, FieldParameters, HindsightParameter, ExplainChoice),
    responses((status = 200, description = "The explanation.", body = Explanation, example = json!(example())), ReadProblems)
)]
pub(crate) async fn read_explanation(
    State(state): State<ApiState>,
    asked: Asked<ExplainParameters>,
) -> Result<Json<Explanation>, ApiError> {
    respond(&state, asked).await
}

/// Why a figure is what it is, asked by a body
///
/// As `GET /v1/metrics/explain`, for figures whose group or lists do not fit into an address. Changes nothing.
#[utoipa::path(
    post, path = "/v1/metrics/explain", tag = "figures", request_body = ExplainBody,
    responses((status = 200, description = "The explanation.", body = Explanation, example = json!(example())), ReadProblems)
)]
pub(crate) async fn ask_explanation(
    State(state): State<ApiState>,
    asked: Asked<crate::api::parameters::NoParameters>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Explanation>, ApiError> {
    asked.faults.refuse()?;
    let (pairs, faults) = pairs(body);
    let asked = Asked::of_pairs(pairs, faults).map_err(of_body)?;
    respond(&state, asked).await.map_err(of_body)
}

async fn respond(
    state: &ApiState,
    Asked { given, mut faults }: Asked<ExplainParameters>,
) -> Result<Json<Explanation>, ApiError> {
    let now = state.clock.now();
    let figure = given.figure.read(state, now, &mut faults);
    let question = Explaining {
        since: given.choice.since((figure.zone, now), &mut faults),
        dimensions: given.choice.dimensions(&mut faults),
        now,
        stale_after: state.health.stale_after,
    };
    // far enough back for the period it is compared with
    let span = figure
        .range
        .map(|range| TimeRange { from: before(range, figure.zone, now).from.min(range.from), to: range.to });
    let catalog = Catalog::load(&state.pool, span).await?;
    let subject = given.figure.subject(&figure, figure.range, &catalog, &mut faults);
    faults.refuse()?;
    let Some(subject) = subject else {
        return Err(ApiError::Invalid(Vec::new())); // unreachable: each has noted a fault
    };
    Ok(Json(explain(&state.pool, &catalog, &subject, &question).await?))
}

impl ExplainChoice {
    fn since(&self, (zone, now): (Tz, DateTime<Utc>), faults: &mut Faults) -> DateTime<Utc> {
        let Some(text) = self.changed_since.as_deref() else { return now - CHANGED_WITHIN };
        let since = instant(&Said::by_parameter("changed_since", text), zone, faults);
        if since.is_some_and(|since| since > now) {
            faults.note(
                "changed_since",
                "time_in_future",
                "Nothing has changed since then yet; give an instant of the past.",
            );
        }
        since.unwrap_or(now)
    }

    fn dimensions(&self, faults: &mut Faults) -> Vec<Dimension> {
        let names = list(self.drivers.as_deref());
        let mut dimensions = Vec::new();
        for name in &names {
            match Dimension::parse(name) {
                Some(dimension) => dimensions.push(dimension),
                None => {
                    faults.note_unknown("drivers", "unknown_dimension", name, Dimension::ALL.map(Dimension::as_str));
                }
            }
        }
        dimensions
    }
}

/// The members of a body as parameters.
fn pairs(body: Result<Bytes, BytesRejection>) -> (Vec<(String, String)>, Faults) {
    let mut faults = Faults::default();
    let Ok(body) = body else {
        faults.note("", "too_large", "The body is too large, or was cut off.");
        return (Vec::new(), faults);
    };
    let members = match serde_json::from_slice(&body) {
        Ok(Value::Object(members)) => members,
        Ok(_) => {
            faults.note("", "wrong_type", "The body must be an object such as {\"metric\": \"sessions\"}.");
            return (Vec::new(), faults);
        }
        Err(error) => {
            // the parser's words may quote the body
            let detail = format!("The body is no JSON: line {}, column {}.", error.line(), error.column());
            faults.note("", "not_json", detail);
            return (Vec::new(), faults);
        }
    };
    let mut pairs = Vec::new();
    for (name, value) in members {
        match text(&name, &value) {
            Ok(None) => {}
            Ok(Some(text)) => pairs.push((name, text)),
            Err(detail) => faults.note(&name, "wrong_type", detail),
        }
    }
    (pairs, faults)
}

/// A member as the text of a parameter; null is nothing said.
fn text(name: &str, value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Object(_) if name == "group" => Ok(Some(value.to_string())),
        Value::Array(items) => {
            let words = items.iter().map(|item| item.as_str().filter(|word| !word.contains(',')));
            let words: Option<Vec<&str>> = words.collect();
            let words = words.ok_or_else(|| format!("`{name}` takes texts without commas."))?;
            Ok((!words.is_empty()).then(|| words.join(",")))
        }
        _ => Err(format!("`{name}` takes a text, or an array of texts.")),
    }
}

/// Faults are told where they stand in the body.
fn of_body(error: ApiError) -> ApiError {
    let ApiError::Invalid(mut faults) = error else { return error };
    for fault in &mut faults {
        let name = std::mem::take(&mut fault.parameter);
        let pointer = if name.is_empty() { name } else { format!("/{}", name.replace('~', "~0").replace('/', "~1")) };
        fault.pointer = Some(pointer);
    }
    ApiError::InvalidBody(faults)
}

/// An explanation for the API's description.
fn example() -> Value {
    json!({
        "metric": "resolution_rate", "label": "Resolution rate", "unit": "ratio",
        "description": "Resolved sessions among those completed in the range with a known outcome.",
        "formula": "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved'))",
        "null_rule": "Only completed sessions with a known outcome count.",
        "bucket": {"start": "2026-11-18T00:00:00+01:00", "end": "2026-11-19T00:00:00+01:00", "status": "complete"},
        "figure": {"value": 0.742, "numerator": 371, "denominator": 500, "unknown_count": 12},
        "parts": {"by": "outcome", "items": [{"class": "resolved", "numerator": 371, "denominator": 371},
                                             {"class": "unresolved", "numerator": 0, "denominator": 129}]},
        "left_out": {"open": 41, "stale_open": 7, "unknown": 12, "not_applicable": 63, "rejected": 1, "deleted": 2,
                     "breakout_rooms": 0, "out_of_coverage": []},
        "changed": {"since": "2026-11-19T12:00:00Z", "value_then": {"value": 0.739, "numerator": 354, "denominator": 479},
                    "sessions_new": 18, "sessions_changed": 3, "sessions_gone": 0, "fields": [{"field": "outcome", "session_count": 3}]},
        "previous": {"from": "2026-11-17T00:00:00+01:00", "to": "2026-11-18T00:00:00+01:00",
                     "figure": {"value": 0.749, "numerator": 340, "denominator": 454}, "change": -0.007,
                     "drivers": [{"dimension": "channel", "groups": [
                         {"group": "whatsapp", "value": 0.7, "previous": 0.715, "contribution": -0.011, "rate": -0.009, "mix": -0.002},
                         {"group": "webchat", "value": 0.81, "previous": 0.8, "contribution": 0.004, "rate": 0.003, "mix": 0.001}],
                         "remainder": 0}]},
        "sql": "select … from analytics.sessions s where …;",
        "rows": "/v1/metrics/rows?zone=Europe/Berlin&metric=resolution_rate&from=2026-11-18T00:00:00%2B01:00&to=2026-11-19T00:00:00%2B01:00",
        "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []}
    })
}
