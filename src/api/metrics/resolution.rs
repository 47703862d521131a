//! `GET /v1/resolution`: how many conversations were resolved.
//!
//! A short cut: it names metrics and a dimension, and is answered as any other question about figures, so that
//! the same number can never come out differently in two places.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::ApiState;
use crate::api::documented::FigureProblems;
use crate::api::formats::FormParameter;
use crate::api::metrics::question::parameters::{
    FieldParameters, GranularityParameter, HindsightParameter, MetricParameters, ShapeParameters,
};
use crate::api::metrics::{example, respond_by_provider};
use crate::api::parameters::Asked;
use crate::api::parameters::time::TimeParameters;
use crate::api::problem::ApiError;
use crate::query::metrics::answer::Answer;

const METRICS: &str = "resolved_sessions,unresolved_sessions,resolution_rate";

/// Resolution by provider
///
/// Resolved and unresolved sessions and their rate, by provider and by the day of completion unless `granularity`
/// says otherwise. The same as `/v1/metrics/query` with these metrics.
#[utoipa::path(
    get, path = "/v1/resolution", tag = "figures", params(TimeParameters, GranularityParameter, ShapeParameters, FieldParameters, HindsightParameter, FormParameter),
    responses(
        (status = 200, description = "The parts and the rate.", body = Answer, example = json!(example())),
        (status = 304, description = "The answer has not changed."),
        FigureProblems
    )
)]
pub(crate) async fn read_resolution(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Asked { given, faults }: Asked<MetricParameters>,
) -> Result<Response, ApiError> {
    respond_by_provider(&state, &headers, METRICS, &given, faults).await
}
