//! `GET /v1/sync/backfills/{backfill_id}`, and `POST …/pause` and `…/resume` below it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::path::BackfillId;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::{ControlProblems, FindProblems};
use crate::api::state::{ApiState, ForCaller};
use crate::query::backfills::{self, Backfill, BackfillUnit};
use crate::store::backfill::state::{self, Command, Commanded};
use crate::store::operation::Operation;

/// Most unproven units to show.
const MAX_UNITS: i64 = 200;

/// A backfill, and its troubled units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackfillDetail {
    /// Progress of the backfill.
    backfill: Backfill,
    /// Doubtful and failed units with their reasons, oldest window first; at most 200.
    troubled_units: Vec<BackfillUnit>,
}

/// The result of a command to pause or resume.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackfillChanged {
    /// Whether the command changed anything: pausing a paused backfill changes nothing.
    is_changed: bool,
    /// Current state of the backfill.
    backfill: Backfill,
}

/// Returns a backfill for the API's description.
pub(super) fn example() -> serde_json::Value {
    serde_json::json!({
        "backfill_id": 3, "source": "konpro-main", "provider": "konpro", "stream": "sessions", "state": "running", "reason": null,
        "range_from": "2025-01-01T00:00:00Z", "range_to": "2026-01-01T00:00:00Z", "requested_by": "ada@ops-1",
        "created_at": "2026-11-20T10:40:00Z", "finished_at": null, "unit_count": 365, "proven_count": 120,
        "doubtful_count": 0, "failed_count": 0, "active_count": 2, "record_count": 41210, "inserted_count": 41190,
        "updated_count": 0, "unchanged_count": 20, "rejected_count": 0, "waits_until": null, "eta_seconds": 410
    })
}

/// Backfill details
///
/// Progress of a backfill, and its units that are doubtful or could not be read, with the reason of each.
#[utoipa::path(
    get, path = "/v1/sync/backfills/{backfill_id}", tag = "data",
    params(("backfill_id" = i64, Path, description = "Number of the backfill.", example = 3)),
    responses((status = 200, description = "The backfill.", body = BackfillDetail, example = json!({ "backfill": example(), "troubled_units": [] })), FindProblems)
)]
pub(crate) async fn read_backfill(
    ForCaller(state): ForCaller,
    BackfillId(backfill_id): BackfillId,
    Asked { faults, .. }: Asked<NoParameters>,
) -> Result<Json<BackfillDetail>, ApiError> {
    faults.refuse()?;
    let backfill = find(&state, backfill_id).await?;
    let troubled_units = backfills::units(&state.pool, backfill_id, true, None, MAX_UNITS).await?;
    Ok(Json(BackfillDetail { backfill, troubled_units }))
}

/// Pause a backfill
///
/// Pauses a backfill until it is resumed. Units under way end after the current page and lose no data. The body is
/// empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/backfills/{backfill_id}/pause", tag = "actions",
    params(("backfill_id" = i64, Path, description = "Number of the backfill.", example = 3)),
    responses((status = 200, description = "It is paused, or was not running.", body = BackfillChanged, example = json!({ "is_changed": true, "backfill": example() })), ControlProblems)
)]
pub(crate) async fn pause_backfill(
    ForCaller(state): ForCaller,
    BackfillId(backfill_id): BackfillId,
    Asked { faults, .. }: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<BackfillChanged>, ApiError> {
    faults.refuse()?;
    change(&state, backfill_id, Command::Pause, &request).await
}

/// Resume a backfill
///
/// The pollers of the source continue the backfill, and so does the command that waits for it. Failed and doubtful
/// units are retried; proven ones are not read again. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/backfills/{backfill_id}/resume", tag = "actions",
    params(("backfill_id" = i64, Path, description = "Number of the backfill.", example = 3)),
    responses((status = 200, description = "It is running, or had ended.", body = BackfillChanged, example = json!({ "is_changed": true, "backfill": example() })), ControlProblems)
)]
pub(crate) async fn resume_backfill(
    ForCaller(state): ForCaller,
    BackfillId(backfill_id): BackfillId,
    Asked { faults, .. }: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<BackfillChanged>, ApiError> {
    faults.refuse()?;
    change(&state, backfill_id, Command::Resume, &request).await
}

async fn change(
    state: &ApiState,
    backfill_id: i64,
    command: Command,
    request: &ActionRequest,
) -> Result<Json<BackfillChanged>, ApiError> {
    request.refuse_content()?;
    // a reconciliation has a number too, and is not a backfill
    find(state, backfill_id).await?;
    let operator = request.operator();
    let target = backfill_id.to_string();
    let operation = Operation {
        source_id: None,
        stream: None,
        kind: command.kind(),
        target: Some(&target),
        operator: &operator,
        now: state.clock.now(),
    };
    let changed = state::command(&state.pool, backfill_id, command, &operation).await?;
    let backfill = find(state, backfill_id).await?;
    Ok(Json(BackfillChanged { is_changed: changed == Commanded::Done, backfill }))
}

async fn find(state: &ApiState, backfill_id: i64) -> Result<Backfill, ApiError> {
    let found = backfills::find(&state.pool, backfill_id, state.clock.now()).await?;
    found.ok_or_else(|| ApiError::NotFound(format!("There is no backfill {backfill_id}.")))
}
