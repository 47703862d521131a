//! `GET /healthz`: the process is alive. It uses nothing else, so that a lost database never restarts the process.
//!
//! A restart would not bring the database back, and the endpoints that need no database would be lost too.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::PlainProblems;

/// A live process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessHealth {
    /// Always `ok`.
    status: &'static str,
    /// Version of the program.
    version: &'static str,
}

/// Process liveness
///
/// Responds as long as the process can respond at all, without using the database.
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses(
        (status = 200, description = "The process is alive.", body = ProcessHealth,
         example = json!({"status": "ok", "version": "0.1.0"})),
        PlainProblems
    )
)]
pub(crate) async fn check_process(asked: Asked<NoParameters>) -> Result<Json<ProcessHealth>, ApiError> {
    asked.faults.refuse()?;
    Ok(Json(ProcessHealth { status: "ok", version: env!("CARGO_PKG_VERSION") }))
}
