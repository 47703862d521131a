//! `GET /v1/sessions/{session_id}/participants`: the participants and the times of their presence.
//!
//! Names are personal data. An empty list alone does not show whether there were no participants or they are
//! unknown, so the answer states which.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::{Page, PageParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::part::PartRequest;
use crate::model::stream::Stream;
use crate::query::availability::Availability;
use crate::query::freshness::Freshness;
use crate::query::participants::{self, Participant};

/// A page of participants.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParticipantList {
    /// Presences, by start.
    items: Vec<Participant>,
    /// Availability of the session's participants as a whole.
    #[serde(flatten)]
    known: Availability,
    /// Continuation of the list.
    page: Page,
    /// Completeness of the data.
    freshness: Freshness,
}

/// List the participants of a session
///
/// One item for each join, with names, which are personal data; a person who joins twice is two items with one
/// `person_id`. `availability` explains an empty list.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/participants", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of participants. The Link header names the next page.", body = ParticipantList, example = json!({
            "items": [{"participant_id": 7, "provider_participant_id": "peer-1", "person_id": "p_3f9a", "display_name": "Ada",
                       "custom_participant_id": "crm-17", "preset_name": "group_call_host", "joined_at": "2026-11-20T09:01:12Z",
                       "left_at": "2026-11-20T09:31:12Z", "is_left_at_derived": false, "duration_seconds": 1800, "is_rejoin": false}],
            "availability": "available", "reason": null, "next_try_at": null,
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn list_participants(mut request: PartRequest) -> Result<Response, ApiError> {
    let page = request.page("participants");
    page.check_instant(|(at, _)| *at, &mut request.faults);
    let (parts, freshness) = request.parts().await?;
    let items = participants::list(&request.state.pool, &parts, page.after, page.to_read()).await?;
    let (items, page) = page.cut(items, Participant::key);
    Ok(page.answer(&request.uri, |page| ParticipantList {
        items,
        known: parts.of(Stream::Participants),
        page,
        freshness,
    }))
}
