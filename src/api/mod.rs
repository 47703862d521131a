//! The REST API, and its description.
//!
//! One endpoint a file, each in the same order: parameters, answer, documentation, handler. The router below
//! fits on one screen and generates the OpenAPI document, so that no route is undocumented, and states the scope of
//! each, so that none is unprotected ([`access`]). [`crate::query`] decides what a query means; [`problem`] alone
//! decides what an error says. All but [`actions`], [`hooks`], [`sync`], [`keys`], [`people`], the replay of rejects
//! and prices only reads, and nothing here knows providers or how data comes in.

pub mod access;
pub mod actions;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod content_negotiation;
pub(crate) mod etag;
pub mod connections;
pub mod configured;
pub(crate) mod costs;
pub(crate) mod departure;
pub(crate) mod description;
pub(crate) mod problem_responses;
pub(crate) mod drift;
pub(crate) mod formats;
pub(crate) mod freshness;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod json_body;
pub(crate) mod keys;
pub mod memory;
pub mod metrics;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod people;
pub(crate) mod backfills;
pub(crate) mod reconciliation;
pub(crate) mod windows;
pub mod problem;
pub mod rejections;
pub mod replica;
pub(crate) mod request_body;
pub mod request_id;
pub(crate) mod runs;
pub(crate) mod source_list;
pub(crate) mod scrape;
pub(crate) mod search;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod state;
pub(crate) mod sync;

use std::any::Any;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{Extension, MatchedPath, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::classify::ServerErrorsFailureClass;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;
use utoipa_axum::routes;

pub use crate::api::state::{ApiState, HealthSettings};

use crate::api::access::caller::Caller;
use crate::api::access::policy::enter;
use crate::api::access::routes::Routes;
use crate::api::problem::ApiError;
use crate::api::request_id::RequestId;
use crate::model::api_key::Scope::{
    self, ActionsStart, ContentRead, CostsWrite, HealthRead, KeysManage, MetricsRead, PeopleManage, SessionsRead,
    SyncOperate,
};
use crate::telemetry::traces;

/// Scopes of routes that serve dashboards and operators alike.
const FIGURES_OR_HEALTH: &[Scope] = &[MetricsRead, HealthRead];

/// The routes for supervisors and load balancers, which need no key.
fn probes() -> Routes {
    Routes::new(description::base())
        .open(routes!(health::process::check_process))
        .open(routes!(health::readiness::check_readiness))
}

fn routes() -> Routes {
    probes()
        .open(routes!(hooks::receive_hook))
        .read(&[HealthRead], routes!(scrape::read_metrics))
        .read(&[HealthRead], routes!(health::pollers::list_pollers))
        .read(FIGURES_OR_HEALTH, routes!(sources::list_sources))
        .data(FIGURES_OR_HEALTH, routes!(freshness::read_freshness))
        .read(FIGURES_OR_HEALTH, routes!(alerts::list_alerts))
        .read(&[HealthRead], routes!(runs::list_runs))
        .read(&[HealthRead], routes!(rejections::list::list_rejections))
        .read(&[ContentRead], routes!(rejections::one::read_rejection))
        .read(&[SyncOperate], routes!(rejections::replay::replay_rejection))
        .read(&[HealthRead], routes!(drift::list_drift))
        .read(&[HealthRead], routes!(windows::list_windows))
        .read(&[HealthRead], routes!(backfills::list::list_backfills))
        .read(&[HealthRead], routes!(backfills::one::read_backfill))
        .read(&[SyncOperate], routes!(backfills::one::pause_backfill))
        .read(&[SyncOperate], routes!(backfills::one::resume_backfill))
        .read(&[HealthRead], routes!(reconciliation::list_reconciliations))
        .read(&[SyncOperate], routes!(sync::control::pause_source))
        .read(&[SyncOperate], routes!(sync::control::resume_source))
        .read(&[SyncOperate], routes!(sync::control::start_runs))
        .read(&[SyncOperate], routes!(sync::retry::retry_artifacts))
        .read(&[HealthRead], routes!(sync::operations::list_operations))
        .read(&[SyncOperate], routes!(sync::windows::accept_windows))
        .read(&[SyncOperate], routes!(sync::windows::reopen_windows))
        .of_all_sources(&[SyncOperate], routes!(sync::source_changes::rename_source))
        .of_all_sources(&[SyncOperate], routes!(sync::source_changes::merge_source))
        .of_all_sources(&[SyncOperate], routes!(sync::source_changes::remove_source))
        .query(&[ContentRead], routes!(search::search_texts))
        .data(&[SessionsRead], routes!(sessions::list::list_sessions))
        .data(&[SessionsRead], routes!(sessions::one::read_session))
        .data(&[ContentRead], routes!(sessions::messages::list_messages))
        .data(&[ContentRead], routes!(sessions::participants::list_participants))
        .data(&[ContentRead], routes!(sessions::transcript::read_transcript))
        .data(&[ContentRead], routes!(sessions::summary::read_summary))
        .data(&[SessionsRead], routes!(sessions::quality::list_quality))
        .data(&[ContentRead], routes!(sessions::timeline::read_timeline))
        .data(&[SessionsRead], routes!(sessions::provenance::read_provenance))
        .read(&[MetricsRead], routes!(metrics::registry::list_metrics))
        .read(&[MetricsRead], routes!(metrics::registry::read_metric))
        .query(
            &[MetricsRead],
            metrics::query::with_query(routes!(metrics::query::query_metrics, metrics::query::ask_metrics)),
        )
        .query(&[MetricsRead], routes!(metrics::batch::ask_batch))
        .query(&[MetricsRead], routes!(metrics::explain::read_explanation, metrics::explain::ask_explanation))
        .query(&[SessionsRead], routes!(metrics::rows::list_rows))
        .query(&[MetricsRead], routes!(metrics::minutes::read_minutes))
        .query(&[SessionsRead], routes!(metrics::ledger::list_ledger))
        .query(&[MetricsRead], routes!(metrics::resolution::read_resolution))
        .query(&[MetricsRead], routes!(metrics::concurrency::read_concurrency))
        .read(&[MetricsRead], routes!(costs::cards::list_rate_cards))
        .of_all_sources(&[CostsWrite], routes!(costs::replace::replace_rate_cards))
        .query(&[MetricsRead], routes!(costs::estimate::estimate_costs))
        .read(&[ActionsStart], routes!(actions::summary::generate_summary))
        .read(&[ActionsStart], routes!(actions::launch::start_streaming_session))
        .read(&[HealthRead], routes!(actions::list::list_actions))
        .of_all_sources(&[PeopleManage], routes!(people::erasures::erase_person, people::erasures::list_erasures))
        .of_all_sources(&[PeopleManage], routes!(people::erasures::read_erasure))
        .of_all_sources(&[PeopleManage], routes!(people::export::export_person))
        .of_all_sources(&[KeysManage], routes!(keys::list::list_keys))
        .of_all_sources(&[KeysManage], routes!(keys::change::create_key))
        .of_all_sources(&[KeysManage], routes!(keys::change::rotate_key))
        .of_all_sources(&[KeysManage], routes!(keys::change::revoke_key))
        .of_all_sources(&[KeysManage], routes!(audit::list_audit))
}

/// Returns the API's description. Needs no database.
pub fn document() -> utoipa::openapi::OpenApi {
    description::complete(routes().split().1)
}

/// Returns the API's description as text: a line for each part, so that a change shows where it is.
pub fn document_text() -> serde_json::Result<String> {
    description::text(&document())
}

/// Returns the API's router, with the routes of the page beside it, which also answers at unknown addresses.
pub fn router(state: ApiState, pages: Router<ApiState>) -> Router {
    /// Made when it is first asked for: completing it takes longer than creating all routes.
    static DESCRIPTION: LazyLock<description::Served> =
        LazyLock::new(|| description::Served::new(document_text().unwrap_or_default()));
    let (router, _) = routes().split();
    let recall = memory::Recall {
        memory: state.memory.clone(),
        clock: Arc::clone(&state.clock),
        probes: state.probes.clone(),
        departures: state.departures.clone(),
    };
    finish(router.layer(Extension(recall)).merge(description::reader(&DESCRIPTION)).merge(pages), state)
}

/// Returns the router of the address for supervisors and load balancers: liveness, readiness and metrics.
pub fn ops_router(state: ApiState) -> Router {
    // it has no keys: who reaches the address sees all sources
    let router = probes().open(routes!(scrape::read_metrics)).split().0.layer(Extension(Caller::open("ops_listen")));
    finish(router.fallback(async || ApiError::NoSuchPath), state)
}

fn finish(router: Router<ApiState>, state: ApiState) -> Router {
    let (departures, policy) = (state.departures.clone(), Arc::clone(&state.access_policy));
    let replica = state.replica.clone();
    router
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(state)
        .layer(Extension(replica))
        .layer(CatchPanicLayer::custom(report_panic))
        .layer(middleware::from_fn(scrape::measure))
        .layer(policy.cors())
        .layer(middleware::from_fn_with_state(policy, enter))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(|request: &Request| {
                    let id = request.extensions().get::<RequestId>().map(|id| id.0.as_str());
                    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
                    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
                    traces::of_request(id, request.method().as_str(), request.uri().path(), route, traceparent)
                })
                .on_failure(log_failure),
        )
        .layer(middleware::from_fn(request_id::identify))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(departures, departure::watch))
}

/// Logs a response of a server error. A 503 states the trouble of others, whose place has a line of its own.
#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn log_failure(class: ServerErrorsFailureClass, latency: Duration, _: &Span) {
    if !matches!(class, ServerErrorsFailureClass::StatusCode(StatusCode::SERVICE_UNAVAILABLE)) {
        tracing::error!(classification = %class, latency = ?latency, "response failed");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn report_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Panicked(text.unwrap_or("no message").to_owned()).into_response()
}
