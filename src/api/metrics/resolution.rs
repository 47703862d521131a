//! `GET /v1/resolution`: resolved conversations.
//!
//! A shortcut: it names metrics and a dimension, and is answered like every metric query, so that the same
//! number never differs between two places.

use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::formats::FormParameter;
use crate::api::metrics::question::parameters::{
    AsOfParameter, FieldParameters, GranularityParameter, MetricParameters, ShapeParameters,
};
use crate::api::metrics::{Shaped, example, respond_by_provider};
use crate::api::parameters::Asked;
use crate::api::parameters::time::TimeParameters;
use crate::api::problem::ApiError;
use crate::api::problem_responses::FigureProblems;
use crate::api::state::ForCaller;

const METRICS: &str = "resolved_sessions,unresolved_sessions,resolution_rate";

/// Query resolution by provider
///
/// Resolved and unresolved sessions and their rate, by provider and by the day of completion unless
/// `granularity` is given. The same as `/v1/metrics/query` with these metrics.
#[utoipa::path(
    get, path = "/v1/resolution", tag = "figures", params(TimeParameters, GranularityParameter, ShapeParameters, FieldParameters, AsOfParameter, FormParameter),
    responses(
        (status = 200, description = "The parts and the rate. As a table: a row for each bucket and group.", content(
            (Shaped = "application/json", example = json!(example())),
            (String = "text/csv", example = "bucket_start,local_date,bucket_end,bucket_status,bucket_is_partial,provider,resolved_sessions,resolved_sessions_unknown_count,resolved_sessions_reason,unresolved_sessions,unresolved_sessions_unknown_count,unresolved_sessions_reason,resolution_rate,resolution_rate_numerator,resolution_rate_denominator,resolution_rate_unknown_count,resolution_rate_reason\r\n2026-11-17T23:00:00.000000Z,2026-11-18,2026-11-18T23:00:00.000000Z,complete,false,konvo,83,2,,28,2,,0.747747748,83,111,2,\r\n"),
            (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The response has not changed."),
        FigureProblems
    )
)]
pub(crate) async fn read_resolution(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    Asked { given, faults }: Asked<MetricParameters>,
) -> Result<Response, ApiError> {
    respond_by_provider(&state, &headers, METRICS, &given, faults).await
}
