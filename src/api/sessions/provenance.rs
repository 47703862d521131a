//! `GET /v1/sessions/{session_id}/provenance`: the origin of a session's data, and its changes.
//!
//! It explains why a value is what it is, or why it changed. It includes no personal data.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::{Page, PageParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::part::PartRequest;
use crate::query::freshness::Freshness;
use crate::query::provenance::{self, Change, Provenance};

/// The origin of a session's data, and a page of its changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProvenanceAnswer {
    /// Origin of the data.
    #[serde(flatten)]
    provenance: Provenance,
    /// Changes, newest first.
    items: Vec<Change>,
    /// Continuation of the list.
    page: Page,
    /// Completeness of the data.
    freshness: Freshness,
}

/// Provenance of a session
///
/// The record behind the session, by its hash, with the time it was fetched and the run that fetched it; the version of
/// the rules; whether the provider still has the session; and all changes since it was first stored, field by field,
/// newest first. The first write of a session is not a change. Undoing the effect of a stale response is a change.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/provenance", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "The provenance, with a page of changes. The Link header names the next page.", body = ProvenanceAnswer, example = json!({
            "session_id": 42, "source": "konvo-eu", "provider_session_id": "chat-8f2",
            "content_hash": "9f86d081884c7d659a2feaa0c55ad015", "content_first_fetched_at": "2026-11-20T09:10:02Z",
            "content_run_id": 812, "fetched_at": "2026-11-20T09:10:02Z", "provider_updated_at": "2026-11-20T09:08:04Z",
            "mapping_version": 1, "first_seen_at": "2026-11-20T09:05:01Z", "last_changed_at": "2026-11-20T09:10:02Z",
            "is_deleted_at_provider": false, "first_missed_at": null, "missed_count": 0,
            "items": [{"changed_at": "2026-11-20T09:10:02Z", "field": "outcome", "old": "open", "new": "resolved",
                       "provider_time": "2026-11-20T09:08:04Z", "run_id": 812}],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn read_provenance(mut request: PartRequest) -> Result<Response, ApiError> {
    let page = request.page("provenance");
    let (parts, freshness) = request.parts().await?;
    let provenance = provenance::find(&request.state.pool, &parts).await?;
    let provenance =
        provenance.ok_or_else(|| ApiError::NotFound(format!("There is no session {}.", request.session_id)))?;
    let id = &provenance.provider_session_id;
    let items = provenance::changes(&request.state.pool, &parts, id, page.after, page.to_read()).await?;
    let (items, page) = page.cut(items, |last| last.change_id);
    Ok(page.answer(&request.uri, |page| ProvenanceAnswer { provenance, items, page, freshness }))
}
