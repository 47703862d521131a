//! `GET /v1/sessions/{session_id}/timeline`: all events of a session, in one order.
//!
//! Names and texts are personal data. The answer states for each part of the session what may be missing from
//! the order.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::{Page, PageParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::part::PartRequest;
use crate::model::stream::Stream;
use crate::query::availability::{Availability, Parts};
use crate::query::freshness::Freshness;
use crate::query::timeline::{self, EventKey, TimelineEvent};

/// A page of a timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// Events, by time.
    items: Vec<TimelineEvent>,
    /// Availability of the parts of the timeline.
    parts: TimelineParts,
    /// Presences, messages and utterances without a time: they have no place in the order, and are not in the list.
    untimed_count: i64,
    /// Continuation of the list.
    page: Page,
    /// Completeness of the data.
    freshness: Freshness,
}

/// Availability of the parts of a timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineParts {
    /// Joins and leaves.
    participants: Availability,
    /// Written messages.
    messages: Availability,
    /// Spoken utterances.
    transcript: Availability,
}

impl From<&Parts> for TimelineParts {
    fn from(parts: &Parts) -> Self {
        Self {
            participants: parts.of(Stream::Participants),
            messages: parts.messages(),
            transcript: parts.of(Stream::Transcript),
        }
    }
}

/// Timeline of a session
///
/// The creation, start, completion and end of a session, its joins and leaves, messages and utterances, in one
/// order of time. Names and texts are personal data. `parts` states for each of these whether it is available:
/// events of a part that is not available are missing here.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/timeline", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of events. The Link header names the next page.", body = Timeline, example = json!({
            "items": [{"at": "2026-11-20T09:01:12Z", "event": "joined", "participant_id": 7, "name": "Ada", "body": null,
                       "position": null, "is_derived": false},
                      {"at": "2026-11-20T09:01:20Z", "event": "segment", "participant_id": 7, "name": "Ada",
                       "body": "Good morning.", "position": 0, "is_derived": false}],
            "parts": {"participants": {"availability": "available", "reason": null, "next_try_at": null},
                      "messages": {"availability": "not_enabled", "reason": "not_found", "next_try_at": null},
                      "transcript": {"availability": "available", "reason": null, "next_try_at": null}},
            "untimed_count": 0,
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn read_timeline(mut request: PartRequest) -> Result<Response, ApiError> {
    let page = request.page("timeline");
    page.check_instant(|key: &EventKey| key.at, &mut request.faults);
    let (parts, freshness) = request.parts().await?;
    let items = timeline::list(&request.state.pool, &parts, page.after.clone(), page.to_read()).await?;
    let (items, page) = page.cut(items, TimelineEvent::key);
    let untimed_count = timeline::untimed_count(&request.state.pool, &parts).await?;
    Ok(page.answer(&request.uri, |page| Timeline {
        items,
        parts: TimelineParts::from(&parts),
        untimed_count,
        page,
        freshness,
    }))
}
