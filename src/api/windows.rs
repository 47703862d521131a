//! `GET /v1/sync/windows`: the time ranges that are proven complete, and those that were read but are not.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::words;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::model::stream::Stream;
use crate::query::windows::{self, CoveredWindow, STATES, WindowFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Streams.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// States. Default: all.
    #[param(example = "doubtful")]
    state: Option<String>,
}

/// List windows
///
/// For each stream, the time ranges that are proven complete, and those that were read and could not be proven,
/// with the reason. A time that no range covers was never read. `complete_through` is the end of the proven
/// range that includes the start of the source's history, with accepted ranges bridged. Later polls read
/// doubtful ranges again in smaller pieces, down to a minute, unless an operator accepts them.
#[utoipa::path(
    get, path = "/v1/sync/windows", tag = "data", params(WindowChoice, PageParameters),
    responses(
        (status = 200, description = "A page of ranges. The Link header names the next page.", body = List<CoveredWindow>, example = json!({
            "items": [{
                "source": "konvo-eu", "provider": "konvo", "stream": "sessions", "window_from": "2020-01-01T00:00:00Z",
                "window_to": "2026-11-20T10:39:58Z", "is_proven": true,
                "accepted_at": null, "accepted_by": null, "accepted_note": null, "reason": null, "provider_total": 131,
                "distinct_count": 131, "checked_at": "2026-11-20T10:40:04Z"
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_windows(request: ListRequest<WindowChoice>) -> Result<Response, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = WindowFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        streams: words("stream", given.stream.as_deref(), &Stream::LISTING.map(Stream::as_str), &mut faults),
        states: words("state", given.state.as_deref(), &STATES, &mut faults),
        after: None,
    };
    let page = list.page("windows", &filter, &mut faults);
    filter.after = page.after.clone();
    faults.refuse()?;
    let items = windows::list(&list.state.pool, &filter, page.to_read()).await?;
    let position =
        |window: &CoveredWindow| (window.source.clone(), window.stream.clone(), window.window_from, window.is_proven);
    Ok(list.answer(&page, items, position, filter.sources))
}
