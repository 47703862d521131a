//! `GET /v1/minutes`: minutes by provider and day.
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

const METRICS: &str = "minutes_consumed,elapsed_minutes";

/// Query minutes by provider
///
/// `minutes_consumed` (metered by providers, with the bases that were added) and `elapsed_minutes` (wall clock) by
/// provider, and by day unless `granularity` is given. The same as `/v1/metrics/query` with these metrics.
#[utoipa::path(
    get, path = "/v1/minutes", tag = "figures", params(TimeParameters, GranularityParameter, ShapeParameters, FieldParameters, AsOfParameter, FormParameter),
    responses(
        (status = 200, description = "The minutes. As a table: a row for each bucket and group.", content(
            (Shaped = "application/json", example = json!(example())),
            (String = "text/csv", example = "bucket_start,local_date,bucket_end,bucket_status,bucket_is_partial,provider,minutes_consumed,minutes_consumed_unknown_count,minutes_consumed_reason,elapsed_minutes,elapsed_minutes_unknown_count,elapsed_minutes_reason\r\n2026-11-17T23:00:00.000000Z,2026-11-18,2026-11-18T23:00:00.000000Z,complete,false,realtimekit,841,,,212.5,,\r\n"),
            (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The response has not changed."),
        FigureProblems
    )
)]
pub(crate) async fn read_minutes(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    Asked { given, faults }: Asked<MetricParameters>,
) -> Result<Response, ApiError> {
    respond_by_provider(&state, &headers, METRICS, &given, faults).await
}
