//! `GET /v1/minutes`: minutes by provider and day.
//!
//! A short cut: it names metrics and a dimension, and is answered as any other question about figures, so that
//! the same number can never come out differently in two places.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::ApiState;
use crate::api::documented::TableProblems;
use crate::api::formats::FormParameter;
use crate::api::metrics::{GranularityParameter, MetricParameters, Named, example, respond};
use crate::api::parameters::Asked;
use crate::api::parameters::filters::FilterParameters;
use crate::api::parameters::time::TimeParameters;
use crate::api::problem::ApiError;
use crate::query::bucket::Granularity;
use crate::query::metrics::answer::Answer;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::metric;

const METRICS: [&str; 2] = ["minutes_consumed", "elapsed_minutes"];

/// Minutes by provider
///
/// `minutes_consumed` (what providers meter, with the bases that were added) and `elapsed_minutes` (wall clock) by
/// provider, and by day unless `granularity` says otherwise. The same as `/v1/metrics/query` with these metrics.
#[utoipa::path(
    get, path = "/v1/minutes", tag = "figures", params(TimeParameters, GranularityParameter, FilterParameters, FormParameter),
    responses(
        (status = 200, description = "The minutes.", body = Answer, example = json!(example())),
        (status = 304, description = "The answer has not changed."),
        TableProblems
    )
)]
pub(crate) async fn read_minutes(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Asked { given, faults }: Asked<MetricParameters>,
) -> Result<Response, ApiError> {
    let metrics = METRICS.into_iter().filter_map(metric).collect();
    let named = Named { metrics, dimensions: vec![Dimension::Provider], granularity: Granularity::Day };
    respond(&state, &headers, named, &given, faults).await
}
