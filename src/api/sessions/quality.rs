//! `GET /v1/sessions/{session_id}/quality`: audio and video quality of each participant.
//!
//! There is one report for each presence, as far as reports were fetched.

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
use crate::query::quality::{self, ParticipantQuality};

/// A page of quality reports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QualityList {
    /// Reports, by the provider's id of the presence.
    items: Vec<ParticipantQuality>,
    /// Availability of the session's reports as a whole.
    #[serde(flatten)]
    known: Availability,
    /// Continuation of the list.
    page: Page,
    /// Completeness of the data.
    freshness: Freshness,
}

/// List the quality reports of a session
///
/// One item for each presence whose report was fetched: audio and video, sent and received. `has_report` is
/// false if the provider has no statistics. `availability` explains an empty list, as for participants.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/quality", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of reports. The Link header names the next page.", body = QualityList, example = json!({
            "items": [{"participant_id": 7, "provider_participant_id": "peer-1", "has_report": true, "audio_out_mos_avg": 4.2,
                       "audio_in_mos_avg": 4.31, "audio_out_packet_loss_avg": 0.004, "country_code": "DE", "used_turn": false,
                       "fetched_at": "2026-11-20T09:45:00Z"}],
            "availability": "available", "reason": null, "next_try_at": null,
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn list_quality(mut request: PartRequest) -> Result<Response, ApiError> {
    let page = request.page("quality");
    let (parts, freshness) = request.parts().await?;
    let items = quality::list(&request.state.pool, &parts, page.after.clone(), page.to_read()).await?;
    let (items, page) = page.cut(items, |last| last.provider_participant_id.clone());
    Ok(page.answer(&request.uri, |page| QualityList { items, known: parts.of(Stream::Quality), page, freshness }))
}
