//! `GET /v1/sessions/{session_id}/messages`: the messages of a session, in order.
//!
//! Texts are personal data. An empty list alone does not show whether there were no messages or they are
//! unknown, so the answer states which.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::{Page, PageParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::part::PartRequest;
use crate::query::availability::Availability;
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
/// In the provider's order, with their texts, which are personal data. `availability` explains an empty list.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/messages", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of messages. The Link header names the next page.", body = MessageList, example = json!({
            "items": [{"provider_message_id": "m-1", "position": 0, "sent_at": "2026-11-20T09:01:12Z", "sender_role": "user",
                       "participant_id": null, "provider_origin": "user", "body": "Where is my order?", "char_count": 18, "word_count": 4}],
            "availability": "available", "reason": null, "next_try_at": null,
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn list_messages(mut request: PartRequest) -> Result<Response, ApiError> {
    let page = request.page("messages");
    let (parts, freshness) = request.parts().await?;
    let items = messages::list(&request.state.pool, &parts, page.after.clone(), page.to_read()).await?;
    let (items, page) = page.cut(items, |last| (last.position, last.provider_message_id.clone()));
    Ok(page.answer(&request.uri, |page| MessageList { items, known: parts.messages(), page, freshness }))
}
