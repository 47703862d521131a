//! `GET /readyz`: the process can serve: the database answers in time and holds the schema, and the process is
//! not stopping.
//!
//! A process that is asked to stop reports so first and keeps serving for a while, so that load balancers send
//! it no more.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::health::probe;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::{ApiError, Problem};
use crate::api::problem_responses::PlainProblems;
use crate::api::state::ApiState;
use crate::query::readiness::{CONTRACT_VERSION, contract_version};

/// A process that is ready.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Always `ready`.
    status: &'static str,
    /// Version of the schema `analytics`.
    contract_version: i32,
}

/// Process readiness
///
/// Ready means that the database responds within half a second and is migrated, and that the process is not
/// about to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "The process accepts requests.", body = Readiness,
         example = json!({"status": "ready", "contract_version": 1})),
        PlainProblems,
        (status = 503, description = "Not ready: the database does not respond or is not migrated, or the process is about to stop.",
         body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn check_readiness(
    State(state): State<ApiState>,
    asked: Asked<NoParameters>,
) -> Result<Json<Readiness>, ApiError> {
    asked.faults.refuse()?;
    if state.draining.is_cancelled() {
        return Err(ApiError::NotReady("The process is about to stop."));
    }
    match probe(&state, state.health.ready_timeout, contract_version(&state.probes)).await? {
        Some(CONTRACT_VERSION) => Ok(Json(Readiness { status: "ready", contract_version: CONTRACT_VERSION })),
        Some(_) => Err(ApiError::NotReady("The schema of the database has another version.")),
        None => Err(ApiError::NotReady("The database is not migrated.")),
    }
}
