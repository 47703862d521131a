//! The REST API, and its description.
//!
//! One endpoint a file, each in the same order: parameters, answer, documentation, handler. The router below
//! fits on one screen and generates the OpenAPI document, so that no route is undocumented. [`crate::query`]
//! decides what a query means; [`problem`] alone decides what an error says. All but [`actions`], [`sync`], the
//! replay of rejects and prices only reads, and nothing here knows providers or how data comes in.

pub(crate) mod content_negotiation;
pub mod actions;
pub(crate) mod etag;
pub mod connections;
pub(crate) mod costs;
pub(crate) mod departure;
pub(crate) mod description;
pub(crate) mod problem_responses;
pub(crate) mod drift;
pub(crate) mod formats;
pub(crate) mod freshness;
pub(crate) mod health;
pub(crate) mod json_body;
pub mod memory;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod backfills;
pub(crate) mod reconciliation;
pub(crate) mod windows;
pub mod problem;
pub mod rejections;
pub(crate) mod request_body;
pub mod request_id;
pub(crate) mod runs;
pub(crate) mod source_list;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod state;
pub(crate) mod sync;

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Extension, Request};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use crate::api::state::{ApiState, HealthSettings};

use crate::api::problem::ApiError;
use crate::api::request_id::RequestId;

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(description::base())
        .routes(routes!(health::process::check_process))
        .routes(routes!(health::readiness::check_readiness))
        .routes(routes!(health::pollers::list_pollers))
        .routes(routes!(sources::list_sources))
        .routes(routes!(freshness::read_freshness))
        .routes(routes!(runs::list_runs))
        .routes(routes!(rejections::list::list_rejections))
        .routes(routes!(rejections::one::read_rejection))
        .routes(routes!(rejections::replay::replay_rejection))
        .routes(routes!(drift::list_drift))
        .routes(routes!(windows::list_windows))
        .routes(routes!(backfills::list::list_backfills))
        .routes(routes!(backfills::one::read_backfill))
        .routes(routes!(backfills::one::pause_backfill))
        .routes(routes!(backfills::one::resume_backfill))
        .routes(routes!(reconciliation::list_reconciliations))
        .routes(routes!(sync::control::pause_source))
        .routes(routes!(sync::control::resume_source))
        .routes(routes!(sync::control::start_runs))
        .routes(routes!(sync::retry::retry_artifacts))
        .routes(routes!(sync::operations::list_operations))
        .routes(routes!(sync::windows::accept_windows))
        .routes(routes!(sync::windows::reopen_windows))
        .routes(routes!(sync::source_changes::rename_source))
        .routes(routes!(sync::source_changes::merge_source))
        .routes(routes!(sync::source_changes::remove_source))
        .routes(routes!(sessions::list::list_sessions))
        .routes(routes!(sessions::one::read_session))
        .routes(routes!(sessions::messages::list_messages))
        .routes(routes!(sessions::participants::list_participants))
        .routes(routes!(sessions::transcript::read_transcript))
        .routes(routes!(sessions::summary::read_summary))
        .routes(routes!(sessions::quality::list_quality))
        .routes(routes!(sessions::timeline::read_timeline))
        .routes(routes!(sessions::provenance::read_provenance))
        .routes(routes!(metrics::registry::list_metrics))
        .routes(routes!(metrics::registry::read_metric))
        .routes(metrics::query::with_query(routes!(metrics::query::query_metrics, metrics::query::ask_metrics)))
        .routes(routes!(metrics::explain::read_explanation, metrics::explain::ask_explanation))
        .routes(routes!(metrics::rows::list_rows))
        .routes(routes!(metrics::minutes::read_minutes))
        .routes(routes!(metrics::ledger::list_ledger))
        .routes(routes!(metrics::resolution::read_resolution))
        .routes(routes!(metrics::concurrency::read_concurrency))
        .routes(routes!(costs::cards::list_rate_cards, costs::cards::replace_rate_cards))
        .routes(routes!(costs::estimate::estimate_costs))
        .routes(routes!(actions::summary::generate_summary))
        .routes(routes!(actions::launch::start_streaming_session))
        .routes(routes!(actions::list::list_actions))
}

/// Returns the API's description. Needs no database.
pub fn document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// Returns the API's router.
pub fn router(state: ApiState) -> Router {
    let (router, document) = routes().split_for_parts();
    let recall = memory::Recall {
        memory: state.memory.clone(),
        clock: Arc::clone(&state.clock),
        probes: state.probes.clone(),
        departures: state.departures.clone(),
    };
    let answers = router
        .layer(middleware::from_fn(memory::recall))
        .layer(Extension(recall))
        .layer(Extension(memory::View::everything()));
    finish(answers.merge(description::reader(document)), state)
}

/// Returns the router of the address for supervisors and load balancers: liveness and readiness.
pub fn ops_router(state: ApiState) -> Router {
    let routes = OpenApiRouter::new()
        .routes(routes!(health::process::check_process))
        .routes(routes!(health::readiness::check_readiness));
    finish(routes.into(), state)
}

fn finish(router: Router<ApiState>, state: ApiState) -> Router {
    let departures = state.departures.clone();
    router
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(state)
        .layer(CatchPanicLayer::custom(report_panic))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
            let id = request.extensions().get::<RequestId>().map(|id| id.0.as_str());
            tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
        }))
        .layer(middleware::from_fn(request_id::identify))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(departures, departure::watch))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn report_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Panicked(text.unwrap_or("no message").to_owned()).into_response()
}
