//! `GET /v1/sync/runs`: the journal of polls, newest first.
//!
//! It shows why data is not there yet: what each poll read, what it found, and why it is not complete.

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
use crate::query::runs::{self, Run, RunFilter, VERDICTS};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "konvo-eu")]
    source: Option<String>,
    /// Streams, comma-separated.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// `complete`, `incomplete`, `failed`, `rate_limited`, `cancelled`; comma-separated.
    #[param(example = "failed,incomplete")]
    verdict: Option<String>,
}

parameter_groups! {
    RunParameters { choice: RunChoice, page: PageParameters }
}

/// List runs
///
/// Every poll of a stream, newest first: the range it read, the records it found, and its verdict.
#[utoipa::path(
    get, path = "/v1/sync/runs", tag = "data", params(RunChoice, PageParameters),
    responses(
        (status = 200, description = "A page of runs. The Link header names the next page.", body = List<Run>, example = json!({
            "items": [{
                "run_id": 4711, "source": "konvo-eu", "provider": "konvo", "stream": "sessions", "purpose": "poll",
                "started_at": "2026-11-20T10:40:00Z", "heartbeat_at": "2026-11-20T10:40:04Z", "finished_at": "2026-11-20T10:40:04Z",
                "verdict": "complete", "reason": null, "window_from": "2026-11-20T09:35:00Z", "window_to": "2026-11-20T10:39:58Z",
                "page_count": 2, "record_count": 131, "distinct_count": 131, "inserted_count": 4, "updated_count": 9,
                "unchanged_count": 118, "rejected_count": 0, "rejected_share": 0.0, "provider_total": 131, "complete_through": "2026-11-20T10:39:58Z",
                "error_class": null, "error_detail": null
            }],
            "page": {"has_more": true, "next": "WzEyMywgNDcxMV0"},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_runs(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<RunParameters>,
) -> Result<Response, ApiError> {
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let mut filter = RunFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        streams: words("stream", given.choice.stream.as_deref(), &Stream::ALL.map(Stream::as_str), &mut faults),
        verdicts: words("verdict", given.choice.verdict.as_deref(), &VERDICTS, &mut faults),
        before_run_id: None,
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("runs {filter:?}");
    filter.before_run_id = given.page.after(&question, &mut faults);
    faults.refuse()?;
    let mut items = runs::list(&state.pool, &filter, limit + 1).await?;
    let page = Page::cut(&mut items, limit, |run| cursor::encode(&question, &run.run_id));
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
