//! `POST /v1/sync/rejections/{reject_id}/replay`: replay of one rejected record by the current code.
//!
//! It calls no provider and costs nothing there. The journal of operations records who requested it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::path::RejectId;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::problem_responses::ReplayProblems;
use crate::api::rejections::{ReplayError, no_reject};
use crate::api::state::ForCaller;
use crate::model::replay::ReplayOutcome;

/// The result of a replay.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayAnswer {
    /// Number of the reject.
    reject_id: i64,
    /// `stored`: the record was read, and is stored now; `unchanged`: it was stored already; `stale`: something
    /// newer is stored; `still_rejected`: it cannot be read yet.
    outcome: &'static str,
    /// Code of the reason for the rejection.
    reason_code: Option<String>,
    /// Place in the record (RFC 6901).
    json_pointer: Option<String>,
    /// Description of the reason.
    detail: Option<String>,
}

/// Replay a rejected record
///
/// Normalizes the stored record by this version's rules; no provider is called. An older record never overwrites a
/// newer one. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/rejections/{reject_id}/replay", tag = "data",
    params(("reject_id" = i64, Path, description = "Number of the record.", example = 7)),
    responses(
        (status = 200, description = "The result of the replay.", body = ReplayAnswer, example = json!({
            "reject_id": 7, "outcome": "still_rejected", "reason_code": "unreadable_time", "json_pointer": "/created_at",
            "detail": "the value is no instant between 2000 and 2100"
        })),
        ReplayProblems
    )
)]
pub(crate) async fn replay_rejection(
    ForCaller(state): ForCaller,
    RejectId(reject_id): RejectId,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<ReplayAnswer>, ApiError> {
    asked.faults.refuse()?;
    request.refuse_content()?;
    let operator = request.operator();
    let Some(replays) = state.replays else {
        return Err(ActionProblem::NotConfigured { source: "of this record".to_owned() }.into());
    };
    let outcome = match replays.replay(reject_id, &operator).await {
        Ok(outcome) => outcome,
        Err(ReplayError::NotFound) => return Err(no_reject(reject_id)),
        Err(ReplayError::NotConfigured(source)) => return Err(ActionProblem::NotConfigured { source }.into()),
        Err(ReplayError::Store(error)) => return Err(error.into()),
    };
    let word = outcome.as_str();
    let why = match outcome {
        ReplayOutcome::StillRejected(why) => Some(why),
        _ => None,
    };
    Ok(Json(ReplayAnswer {
        reject_id,
        outcome: word,
        reason_code: why.as_ref().map(|why| why.reason_code.to_owned()),
        json_pointer: why.as_ref().map(|why| why.json_pointer.clone()),
        detail: why.map(|why| why.detail),
    }))
}
