//! `GET /v1/sync/windows`: the time ranges that are proven complete, and those that were read but are not.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, Page};
use crate::api::parameters::values::{PageParameters, words};
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ApiState;
use crate::model::stream::Stream;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::windows::{self, CoveredWindow, WindowFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "konvo-eu")]
    source: Option<String>,
    /// Streams that list records, comma-separated.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// `proven`, `doubtful`, or `accepted` (doubtful, and accepted by an operator); comma-separated. Default: all.
    #[param(example = "doubtful")]
    state: Option<String>,
}

parameter_groups! {
    WindowParameters { choice: WindowChoice, page: PageParameters }
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
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_windows(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<WindowParameters>,
) -> Result<Response, ApiError> {
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let mut filter = WindowFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        streams: words("stream", given.choice.stream.as_deref(), &Stream::LISTING.map(Stream::as_str), &mut faults),
        states: words("state", given.choice.state.as_deref(), &["proven", "doubtful", "accepted"], &mut faults),
        after: None,
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("windows {filter:?}");
    filter.after = given.page.after(&question, &mut faults);
    faults.refuse()?;
    let mut items = windows::list(&state.pool, &filter, limit + 1).await?;
    let place = |window: &CoveredWindow| {
        cursor::encode(&question, &(&window.source, &window.stream, window.window_from, window.is_proven))
    };
    let page = Page::cut(&mut items, limit, place);
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
