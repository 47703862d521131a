//! `GET /v1/sync/runs`: the journal of polls, newest first.
//!
//! It shows why data is not there yet: what each poll read, what it found, and why it is not complete.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::words;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::model::stream::Stream;
use crate::query::runs::{self, Run, RunFilter, VERDICTS};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Streams.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// Verdicts of the runs.
    #[param(example = "failed,incomplete")]
    verdict: Option<String>,
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
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_runs(request: ListRequest<RunChoice>) -> Result<Response, ApiError> {
    let uri = request.uri();
    Ok(runs_of(request).await?.answer(&uri))
}

/// Returns a page of the runs, which the page shows, too.
pub(crate) async fn runs_of(request: ListRequest<RunChoice>) -> Result<List<Run>, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = RunFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        streams: words("stream", given.stream.as_deref(), &Stream::ALL.map(Stream::as_str), &mut faults),
        verdicts: words("verdict", given.verdict.as_deref(), &VERDICTS, &mut faults),
        before_run_id: None,
    };
    let page = list.page("runs", &filter, &mut faults);
    filter.before_run_id = page.after;
    faults.refuse()?;
    let items = runs::list(&list.state.pool, &filter, page.to_read()).await?;
    Ok(list.list(&page, items, |run| run.run_id, filter.sources))
}
