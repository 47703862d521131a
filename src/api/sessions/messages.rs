//! `GET /v1/sessions/{session_id}/messages`: the messages of a session, in order.
//!
//! Texts are personal data. An empty list alone does not show whether there were no messages or they are
//! unknown, so the answer states which.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::Page;
use crate::api::parameters::Asked;
use crate::api::parameters::session_id::SessionId;
use crate::api::parameters::values::PageParameters;
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::parts_of;
use crate::api::state::ApiState;
use crate::query::availability::Availability;
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::messages::{self, Message};

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageList {
    /// The messages, in the provider's order.
    items: Vec<Message>,
    /// Availability of the session's messages as a whole.
    #[serde(flatten)]
    known: Availability,
    /// Continuation of the list.
    page: Page,
    /// Completeness of the data.
    freshness: Freshness,
}

/// List the messages of a session
///
/// In the provider's order, with their texts, which are personal data. `availability` explains an empty list:
/// `available` (there are none), `not_applicable` (the provider has none), `not_fetched` (they are not fetched),
/// `unknown` (the provider did not send this session's); of a meeting, whose chat is fetched after its end,
/// also `empty`, `pending`, `not_enabled`, `expired` or `failed`, with `reason` and `next_try_at`.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/messages", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of messages. The Link header names the next page.", body = MessageList, example = json!({
            "items": [{"provider_message_id": "m-1", "position": 0, "sent_at": "2026-11-20T09:01:12Z", "sender_role": "user",
                       "participant_id": null, "provider_origin": "user", "body": "Where is my order?", "char_count": 18, "word_count": 4}],
            "availability": "available", "reason": null, "next_try_at": null,
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []}
        })),
        FindProblems
    )
)]
pub(crate) async fn list_messages(
    State(state): State<ApiState>,
    SessionId(session_id): SessionId,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<PageParameters>,
) -> Result<Response, ApiError> {
    let question = format!("messages {session_id}");
    let limit = given.limit(&mut faults);
    let after = given.after(&question, &mut faults);
    faults.refuse()?;
    let (parts, freshness) = parts_of(&state, session_id).await?;
    let mut items = messages::list(&state.pool, &parts, after, limit + 1).await?;
    let page =
        Page::cut(&mut items, limit, |last| cursor::encode(&question, &(last.position, &last.provider_message_id)));
    let next = page.next.clone();
    let list = MessageList { items, known: parts.messages(), page, freshness };
    Ok(Page::link(next.as_deref(), &uri, Json(list).into_response()))
}
