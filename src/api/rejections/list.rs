//! `GET /v1/sync/rejections`: records that could not be normalized, newest first.
//!
//! The list states the fault of each record and its number of occurrences. It includes nothing of the records,
//! which may name people.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::model::stream::Stream;
use crate::query::rejections::{self, Rejection, RejectionFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RejectionChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Streams.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// Reason codes.
    #[param(example = "unreadable_time,missing_field")]
    reason_code: Option<String>,
    /// Default: `false`, the unresolved records.
    #[param(example = "false")]
    resolved: Option<String>,
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
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_rejections(request: ListRequest<RejectionChoice>) -> Result<Response, ApiError> {
    let uri = request.uri();
    Ok(rejections_of(request).await?.answer(&uri))
}

/// Returns a page of the rejected records, which the page shows, too.
pub(crate) async fn rejections_of(request: ListRequest<RejectionChoice>) -> Result<List<Rejection>, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let is_resolved = match given.resolved.as_deref() {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some("all") => None,
        Some(other) => {
            faults.note_unknown("resolved", "unknown_value", other, ["true", "false", "all"]);
            None
        }
    };
    let mut filter = RejectionFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        streams: values::words("stream", given.stream.as_deref(), &Stream::ALL.map(Stream::as_str), &mut faults),
        reason_codes: values::list(given.reason_code.as_deref()),
        is_resolved,
        ..RejectionFilter::default()
    };
    let page = list.page("rejections", &filter, &mut faults);
    filter.before_reject_id = page.after;
    faults.refuse()?;
    let items = rejections::list(&list.state.pool, &filter, page.to_read()).await?;
    Ok(list.list(&page, items, |one| one.reject_id, filter.sources))
}
