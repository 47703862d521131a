//! `GET /healthz`: the process lives. Asks nobody else, so that a lost database never restarts it.
//!
//! Whoever restarts processes must not do so because of a database: a restart would not bring it back, and the
//! answers that need none would be lost too.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::documented::PlainProblems;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;

/// The process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessHealth {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Version of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Whether the process lives
///
/// Answers as long as the process can answer at all; the database is not asked.
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses(
        (status = 200, description = "The process lives.", body = ProcessHealth,
         example = json!({"status": "ok", "version": "0.1.0"})),
        PlainProblems
    )
)]
pub(crate) async fn check_process(asked: Asked<NoParameters>) -> Result<Json<ProcessHealth>, ApiError> {
    asked.faults.refuse()?;
    Ok(Json(ProcessHealth { status: "ok", version: env!("CARGO_PKG_VERSION") }))
}
