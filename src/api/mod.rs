//! Answers: the REST API, and its description.
//!
//! One endpoint a file, each in the same order: parameters, answer, documentation, handler. The router
//! stands below on one screen and writes the OpenAPI document, so that no route is undocumented. What a
//! question means is decided in [`crate::query`]; what an error says, in [`problem`] alone. All but [`actions`],
//! [`sync`], the replay of rejects and prices only reads, and nothing here knows providers or how data comes in.

pub(crate) mod accept;
pub mod actions;
pub(crate) mod conditional;
pub(crate) mod costs;
pub(crate) mod description;
pub(crate) mod documented;
pub(crate) mod drift;
pub(crate) mod formats;
pub(crate) mod freshness;
pub(crate) mod health;
pub(crate) mod json_body;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod past;
pub mod problem;
pub mod rejections;
pub mod request_id;
pub(crate) mod runs;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod sync;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use chrono::TimeDelta;
use chrono_tz::Tz;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::actions::ActionAccess;
use crate::api::problem::ApiError;
use crate::api::rejections::RejectReplays;
use crate::api::request_id::RequestId;
use crate::clock::Clock;
use crate::query::zones::Zones;
use crate::store::source_change::SourceChanges;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// Connections for answers. A statement timeout is set on them, not here.
    pub pool: PgPool,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Whose days are meant where a question does not say.
    pub default_zone: Tz,
    /// What the database calls a zone.
    pub zones: Zones,
    /// When health is called bad.
    pub health: HealthSettings,
    /// Cancelled once the process is to stop: it is not ready any more.
    pub draining: CancellationToken,
    /// Where something may be started.
    pub actions: ActionAccess,
    /// Tries rejected records again; `None`: this process cannot.
    pub replays: Option<Arc<dyn RejectReplays>>,
    /// Renames, merges and removes sources; `None`: this process cannot.
    pub source_changes: Option<SourceChanges>,
    /// What an operator can do about a class of polling errors, one sentence.
    pub error_advice: fn(&str) -> Option<&'static str>,
}

/// When health is called bad.
#[derive(Debug, Clone, Copy)]
pub struct HealthSettings {
    /// How long the database may take to answer while readiness is checked.
    pub ready_timeout: Duration,
    /// An answer is stale once a stream behind it is complete only up to more than this ago.
    pub stale_after: TimeDelta,
    /// A run has stalled after this long without a sign of life.
    pub stalled_after: TimeDelta,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            ready_timeout: Duration::from_millis(500),
            stale_after: TimeDelta::minutes(30),
            stalled_after: TimeDelta::minutes(5),
        }
    }
}

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
        .routes(routes!(past::windows::list_windows))
        .routes(routes!(past::backfills::list_backfills))
        .routes(routes!(past::backfill::read_backfill))
        .routes(routes!(past::backfill::pause_backfill))
        .routes(routes!(past::backfill::resume_backfill))
        .routes(routes!(past::reconciliation::list_reconciliations))
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

/// The API's description. Needs no database.
pub fn document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// The API.
pub fn router(state: ApiState) -> Router {
    let (router, document) = routes().split_for_parts();
    router
        .merge(description::reader(document))
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
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn report_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Panicked(text.unwrap_or("no message").to_owned()).into_response()
}
