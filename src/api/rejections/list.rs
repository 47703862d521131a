//! `GET /v1/sync/rejections`: records that could not be normalized, newest first.
//!
//! The list states the fault of each record and its number of occurrences. It includes nothing of the records,
//! which may name people.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, Page};
use crate::api::parameters::values::{PageParameters, list, words};
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ApiState;
use crate::model::stream::Stream;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::rejections::{self, Rejection, RejectionFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RejectionChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "konvo-eu")]
    source: Option<String>,
    /// Streams, comma-separated.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// Reason codes, comma-separated.
    #[param(example = "unreadable_time,missing_field")]
    reason_code: Option<String>,
    /// `true`, `false` or `all`. Default: `false`, the unresolved records.
    #[param(example = "false")]
    resolved: Option<String>,
}

parameter_groups! {
    RejectionParameters { choice: RejectionChoice, page: PageParameters }
}

/// List rejected records
///
/// Records that could not be normalized, newest first: reason, place, first time and number of occurrences. No data is
/// lost: each record is stored byte for byte (`/v1/sync/rejections/{reject_id}`), and a later version can replay it.
#[utoipa::path(
    get, path = "/v1/sync/rejections", tag = "data", params(RejectionChoice, PageParameters),
    responses(
        (status = 200, description = "A page of rejected records. The Link header names the next page.", body = List<Rejection>, example = json!({
            "items": [{
                "reject_id": 7, "source": "konvo-eu", "provider": "konvo", "stream": "sessions", "provider_record_id": "chat-8f2",
                "provider_session_id": null, "reason_code": "unreadable_time", "json_pointer": "/created_at",
                "detail": "the value is no instant between 2000 and 2100", "first_seen_at": "2026-11-20T10:40:04Z",
                "last_seen_at": "2026-11-20T11:45:02Z", "seen_count": 2, "run_id": 4711, "body_bytes": 812,
                "resolved_at": null, "resolution": null
            }],
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_rejections(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<RejectionParameters>,
) -> Result<Response, ApiError> {
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let is_resolved = match given.choice.resolved.as_deref() {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some("all") => None,
        Some(other) => {
            faults.note_unknown("resolved", "unknown_value", other, ["true", "false", "all"]);
            None
        }
    };
    let mut filter = RejectionFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        streams: words("stream", given.choice.stream.as_deref(), &Stream::ALL.map(Stream::as_str), &mut faults),
        reason_codes: list(given.choice.reason_code.as_deref()),
        is_resolved,
        ..RejectionFilter::default()
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("rejections {filter:?}");
    filter.before_reject_id = given.page.after(&question, &mut faults);
    faults.refuse()?;
    let mut items = rejections::list(&state.pool, &filter, limit + 1).await?;
    let page = Page::cut(&mut items, limit, |one| cursor::encode(&question, &one.reject_id));
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
