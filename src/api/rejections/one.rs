//! `GET /v1/sync/rejections/{reject_id}`: one rejected record, with its bytes.
//!
//! The bytes are as the provider sent them: they may name people.

use axum::Json;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::parameters::path::RejectId;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::rejections::no_reject;
use crate::api::state::ForCaller;
use crate::query::rejections::{self, Rejection};

/// A rejected record with its bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeRejection {
    #[serde(flatten)]
    rejection: Rejection,
    /// The bytes as received, base64 (RFC 4648). They may name people.
    body_base64: String,
    /// The same bytes as text, if they are JSON; null: they are not.
    body_json: Option<String>,
}

/// Rejected record
///
/// One rejected record with its bytes as the provider sent them, which **may name people**.
#[utoipa::path(
    get, path = "/v1/sync/rejections/{reject_id}", tag = "data",
    params(("reject_id" = i64, Path, description = "Number of the record.", example = 7)),
    responses(
        (status = 200, description = "The record.", body = WholeRejection, example = json!({
            "reject_id": 7, "source": "konvo-eu", "provider": "konvo", "stream": "sessions", "provider_record_id": "chat-8f2",
            "provider_session_id": null, "reason_code": "unreadable_time", "json_pointer": "/created_at",
            "detail": "the value is no instant between 2000 and 2100", "first_seen_at": "2026-11-20T10:40:04Z",
            "last_seen_at": "2026-11-20T11:45:02Z", "seen_count": 2, "run_id": 4711, "body_bytes": 42, "resolved_at": null,
            "resolution": null, "body_base64": "eyJpZCI6ImNoYXQtOGYyIiwiY3JlYXRlZF9hdCI6InNvb24ifQ==",
            "body_json": "{\"id\":\"chat-8f2\",\"created_at\":\"soon\"}"
        })),
        FindProblems
    )
)]
pub(crate) async fn read_rejection(
    ForCaller(state): ForCaller,
    RejectId(reject_id): RejectId,
    asked: Asked<NoParameters>,
) -> Result<Json<WholeRejection>, ApiError> {
    asked.faults.refuse()?;
    let (rejection, body) = rejections::find(&state.pool, reject_id).await?.ok_or_else(|| no_reject(reject_id))?;
    let text = String::from_utf8(body.clone()).ok();
    Ok(Json(WholeRejection {
        rejection,
        body_base64: BASE64_STANDARD.encode(&body),
        body_json: text.filter(|text| serde_json::from_str::<&RawValue>(text).is_ok()),
    }))
}
