//! `/v1/metrics/query`: any metrics by any dimensions, given by parameters or by a body.
//!
//! This is the only endpoint whose caller names the metrics; the shortcuts name them in advance. A body can
//! state all that parameters can, in one form. It comes with POST, or with QUERY (RFC 10008), which states that
//! the request changes nothing. How a value is computed is not decided here.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::api::formats::FormParameter;
use crate::api::json_body::JsonBody;
use crate::api::metrics::question::body;
use crate::api::metrics::question::parameters::{
    AsOfParameter, FieldParameters, GranularityParameter, MetricParameters, ShapeParameters, texts,
};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::schema::MetricQuestion;
use crate::api::metrics::{Shaped, example, respond};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::{AskProblems, FigureProblems};
use crate::api::state::{ApiState, ForCaller};
use crate::query::bucket::Granularity;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MetricChoice {
    /// Metrics.
    #[param(required = true, example = "minutes_consumed,resolution_rate")]
    metrics: Option<String>,
    /// Dimensions to group by; `/v1/metrics` lists those of each metric. Default: none.
    #[param(example = "provider")]
    dimensions: Option<String>,
}

parameter_groups! {
    /// Parameters of the endpoint.
    QueryParameters { choice: MetricChoice, common: MetricParameters }
}

impl QueryParameters {
    /// Returns the query as given.
    pub(crate) fn raw_query(&self) -> RawQuery {
        let metrics = texts("metrics", self.choice.metrics.as_deref());
        let dimensions = texts("dimensions", self.choice.dimensions.as_deref());
        RawQuery { metrics, dimensions, ..self.common.raw_query() }
    }
}

/// Query metrics
///
/// Any metrics by any dimensions, in a time range (by default the last 7 days) and the buckets it is cut into. A metric
/// can only be grouped by dimensions of which each of its rows has one value (see `/v1/metrics`).
#[utoipa::path(
    get, path = "/v1/metrics/query", tag = "figures",
    params(MetricChoice, TimeParameters, GranularityParameter, ShapeParameters, FieldParameters, AsOfParameter, FormParameter),
    responses(
        (status = 200, description = "The values. As a table: a row for each bucket and group; beside each value its `_unknown_count` and `_reason`.", content(
            (Shaped = "application/json", example = json!(example())),
            (String = "text/csv", example = "bucket_start,local_date,bucket_end,bucket_status,bucket_is_partial,provider,minutes_consumed,minutes_consumed_unknown_count,minutes_consumed_reason\r\n2026-11-17T23:00:00.000000Z,2026-11-18,2026-11-18T23:00:00.000000Z,complete,false,realtimekit,841,,\r\n"),
            (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The response has not changed."),
        FigureProblems
    )
)]
pub(crate) async fn query_metrics(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    Asked { given, faults }: Asked<QueryParameters>,
) -> Result<Response, ApiError> {
    respond(&state, &headers, &given.raw_query(), Granularity::None, &given.common.form, faults).await
}

/// Query metrics (body)
///
/// The same as GET, with the whole query in one object. It changes nothing: clients that support the method
/// QUERY (RFC 10008) can use it in place of POST. Faults are located by JSON pointers.
#[utoipa::path(
    post, path = "/v1/metrics/query", tag = "figures", params(FormParameter),
    request_body(content = MetricQuestion, example = json!({
        "metrics": ["minutes_consumed", "resolution_rate"], "dimensions": ["provider"],
        "time": {"from": "2026-11-18", "to": "2026-11-21", "zone": "Europe/Berlin", "granularity": "day"},
        "filters": [{"field": "source", "op": "in", "values": ["konvo-eu", "rtk-prod"]}],
        "compare": {"to": "previous_period", "align": "weekday", "elapsed": "same"}, "totals_by": ["provider"]
    })),
    responses(
        (status = 200, description = "The values. As a table: a row for each bucket and group; beside each value its `_unknown_count` and `_reason`.", content(
            (Shaped = "application/json", example = json!(example())),
            (String = "text/csv", example = "bucket_start,local_date,bucket_end,bucket_status,bucket_is_partial,provider,minutes_consumed,minutes_consumed_unknown_count,minutes_consumed_reason\r\n2026-11-17T23:00:00.000000Z,2026-11-18,2026-11-18T23:00:00.000000Z,complete,false,realtimekit,841,,\r\n"),
            (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The response has not changed."),
        AskProblems
    )
)]
pub(crate) async fn ask_metrics(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<FormParameter>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let raw_query = body::read(&body, "", &mut faults);
    respond(&state, &headers, &raw_query, Granularity::None, &given, faults).await
}

/// Allowed methods: those that the router knows, and QUERY.
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, QUERY");

/// Adds QUERY to an endpoint. The router has no name for that method, and the description only from OpenAPI 3.2 on,
/// which generators of clients do not read yet: it stands as the extension `x-query`.
pub(crate) fn with_query((schemas, mut paths, methods): UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
    for (path, item) in &mut paths.paths {
        let post = format!("#/paths/{}/post", path.replace('/', "~1"));
        item.extensions.get_or_insert_default().insert("x-query".to_owned(), json!({"$ref": post}));
    }
    (schemas, paths, methods.fallback(other_methods))
}

async fn other_methods(ForCaller(state): ForCaller, headers: HeaderMap, request: Request) -> Response {
    let answer = if request.method().as_str() == "QUERY" {
        match <(Asked<FormParameter>, JsonBody)>::from_request(request, &state).await {
            Ok((asked, body)) => Box::pin(ask_metrics(ForCaller(state), headers, asked, body)).await,
            Err(refusal) => Ok(refusal),
        }
    } else {
        Err(ApiError::MethodNotAllowed)
    };
    let mut response = answer.into_response();
    response.headers_mut().insert(header::ALLOW, ALLOWED);
    response
}
