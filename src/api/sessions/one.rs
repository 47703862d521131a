//! `GET /v1/sessions/{session_id}`: one session.
//!
//! The permanent link to a session is its source and provider id. Its number here never changes, and the
//! parameter `provider_session_id` of the list finds it.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::access::guard::Content;
use crate::api::parameters::Asked;
use crate::api::parameters::path::SessionId;
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::titles::TitlesParameter;
use crate::api::state::ForCaller;
use crate::query::sessions::{self, Session};

/// Session
///
/// One session, also one that its provider no longer lists.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), TitlesParameter),
    responses(
        (status = 200, description = "The session.", body = Session, example = json!({
            "session_id": 42, "source": "konvo-eu", "provider": "konvo", "provider_session_id": "chat-8f2",
            "session_kind": "chat", "session_state": "ended", "provider_status": null, "outcome": "resolved",
            "is_flagged_unresolved": false, "channel": "whatsapp", "is_part_of_session": false,
            "created_at": "2026-11-20T09:01:12Z", "started_at": "2026-11-20T09:01:12Z",
            "completed_at": "2026-11-20T09:08:04Z", "duration_seconds": 412, "minutes_consumed": null, "minutes_basis": null,
            "elapsed_minutes": 6.866_666_667, "message_count": 12, "is_provisional": false,
            "first_seen_at": "2026-11-20T09:05:03Z", "last_changed_at": "2026-11-20T09:10:02Z", "is_deleted_at_provider": false
        })),
        FindProblems
    )
)]
pub(crate) async fn read_session(
    ForCaller(state): ForCaller,
    SessionId(session_id): SessionId,
    Asked { given, mut faults }: Asked<TitlesParameter>,
) -> Result<Response, ApiError> {
    let with_title = given.read(&state.caller, &mut faults);
    faults.refuse()?;
    let session = sessions::find(&state.pool, session_id, with_title).await?;
    let session = session.ok_or_else(|| ApiError::NotFound(format!("There is no session {session_id}.")))?;
    let response = Json(session).into_response();
    Ok(if with_title { Content::mark(response) } else { response })
}
