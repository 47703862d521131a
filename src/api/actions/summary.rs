//! `POST /v1/sessions/{session_id}/summary`: generate the summary of an ended session.
//!
//! The provider only confirms the start. The summary arrives like all summaries, from polling, which is asked
//! to check again soon. It is asked even where the response was lost, since a check costs nothing.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::actions::{Beginning, Wish, begin, call, fail, succeed, to_its_end};
use crate::api::parameters::path::SessionId;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::problem_responses::ActionProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::connector::actions::Actions;
use crate::model::action::{ActionKind, ActionOutcome};
use crate::model::id::ProviderRecordId;
use crate::query::sessions;
use crate::store::action::{self as journal, Trace};

/// A summary whose generation has started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryStarted {
    /// Number of the call in `/v1/actions`.
    action_id: i64,
    /// Always `succeeded`: the provider has started.
    state: &'static str,
    /// Slug of the source.
    source: String,
    /// Number of the session.
    session_id: i64,
    /// The provider's id of the session.
    provider_session_id: String,
    /// True: this repeats the response to the first call with this key, and the provider was not called again.
    is_repeated: bool,
    /// False: the outcome could not be stored, so the journal shows it as `unknown`.
    is_recorded: bool,
}

/// Generate a summary
///
/// Calls the provider once to generate the summary of an ended session; it needs a transcript and **costs money
/// there**. The summary arrives by polling some minutes later. Only for sources with
/// `[sources.actions] enabled = true`. A repeated request with the same `Idempotency-Key` within 24 hours returns the
/// first outcome, and the provider is not called again. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sessions/{session_id}/summary", tag = "actions",
    params(
        ("session_id" = i64, Path, description = "Number of the session.", example = 42),
        ("Idempotency-Key" = Option<String>, Header, description = "Recommended. 1 to 255 visible ASCII characters, a new one for each call; stored for 24 hours, as a hash.", example = "f1a7c1de-5f0c-4b8e-9c63-3f1f2d0a7b55")
    ),
    responses(
        (status = 202, description = "The provider started the generation.", body = SummaryStarted, example = json!({
            "action_id": 17, "state": "succeeded", "source": "rtk-prod", "session_id": 42,
            "provider_session_id": "1b273ff6-8b20-4000-932f-0634db39ebfa", "is_repeated": false, "is_recorded": true
        })),
        ActionProblems
    )
)]
pub(crate) async fn generate_summary(
    ForCaller(state): ForCaller,
    SessionId(session_id): SessionId,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<(StatusCode, Json<SummaryStarted>), ApiError> {
    asked.faults.refuse()?;
    let no_session = || ApiError::NotFound(format!("There is no session {session_id}."));
    let session = sessions::find(&state.pool, session_id, false).await?.ok_or_else(no_session)?;
    let actions = state.actions.at(&session.source, ActionKind::GenerateSummary)?;
    if session.session_state != "ended" {
        return Err(ActionProblem::NotEnded { session_state: session.session_state }.into());
    }
    request.refuse_content()?;
    let source_id = journal::source_id(&state.pool, &session.source).await?.ok_or_else(no_session)?;
    let id = ProviderRecordId::parse(&session.provider_session_id).map_err(|_| no_session())?;
    let wish = Wish {
        source: session.source,
        source_id,
        kind: ActionKind::GenerateSummary,
        session: Some((session_id, session.provider_session_id)),
    };
    let answer = |action_id, is_repeated, is_recorded| {
        let answer = SummaryStarted {
            action_id,
            state: ActionOutcome::Succeeded.as_str(),
            source: wish.source.clone(),
            session_id,
            provider_session_id: id.to_string(),
            is_repeated,
            is_recorded,
        };
        (StatusCode::ACCEPTED, Json(answer))
    };
    let action_id = match begin(&state, &request, &wish).await? {
        Beginning::Call(action_id) => action_id,
        Beginning::Before(first) => return Ok(answer(first.action_id, true, true)),
    };
    let is_recorded = to_its_end(generate(state, actions, wish.clone(), action_id, id.clone())).await?;
    Ok(answer(action_id, false, is_recorded))
}

/// Makes the call and stores its outcome; returns whether that could be stored.
async fn generate(
    state: ApiState,
    actions: Arc<dyn Actions>,
    wish: Wish,
    action_id: i64,
    id: ProviderRecordId,
) -> Result<bool, ApiError> {
    let session_id = wish.session.as_ref().map_or(0, |(session_id, _)| *session_id);
    let summary = Trace::Summary { source_id: wish.source_id, session_id };
    match call(&state, actions.generate_summary(&id)).await {
        Ok(()) => Ok(succeed(&state, &wish, action_id, summary).await),
        Err(failed) => {
            let trace = if failed.outcome == ActionOutcome::Unknown { summary } else { Trace::Nothing };
            Err(fail(&state, &wish, action_id, failed, trace).await)
        }
    }
}
