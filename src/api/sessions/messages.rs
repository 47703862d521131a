//! `GET /v1/sessions/{session_id}/messages`: what was said, in order.
//!
//! The only endpoint that gives texts, which are personal data. An empty list alone would not tell whether
//! nothing was said or nothing is known, so the answer says which.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::api::documented::FindProblems;
use crate::api::page::Page;
use crate::api::parameters::Asked;
use crate::api::parameters::session_id::SessionId;
use crate::api::parameters::values::PageParameters;
use crate::api::problem::ApiError;
use crate::query::catalog::{Catalog, Source};
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::messages::{self, Availability, Message};

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageList {
    /// The messages, in the provider's order.
    items: Vec<Message>,
    /// What is known about the session's messages as a whole.
    availability: Availability,
    /// Where the list goes on.
    page: Page,
    /// How far the data is complete.
    freshness: Freshness,
}

/// The messages of a session
///
/// In the provider's order, with their texts, which are personal data. `availability` tells an empty list apart:
/// `available` (there are none), `not_applicable` (the provider has none), `not_fetched` (they are not read) or
/// `unknown` (the provider did not give this session's).
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/messages", tag = "sessions",
    params(("session_id" = i64, Path, description = "Our number for the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of messages. The Link header names the next page.", body = MessageList, example = json!({
            "items": [{"provider_message_id": "m-1", "position": 0, "sent_at": "2026-11-20T09:01:12Z", "sender_role": "user",
                       "provider_origin": "user", "body": "Where is my order?", "char_count": 18, "word_count": 4}],
            "availability": "available",
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d1795257600000", "streams": []}
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
    let catalog = Catalog::load(&state.pool, None).await?;
    let transcript = messages::find(&state.pool, session_id).await?;
    let transcript = transcript.ok_or_else(|| ApiError::NotFound(format!("There is no session {session_id}.")))?;
    let mut items = messages::list(&state.pool, transcript, after, limit + 1).await?;
    let page =
        Page::cut(&mut items, limit, |last| cursor::encode(&question, &(last.position, &last.provider_message_id)));
    let next = page.next.clone();
    let sources: Vec<&Source> = catalog.sources.iter().filter(|s| s.source_id == transcript.source_id).collect();
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    let list = MessageList { items, availability: transcript.availability, page, freshness };
    Ok(Page::link(next.as_deref(), &uri, Json(list).into_response()))
}
