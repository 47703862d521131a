//! `GET /v1/sync/operations`: operator commands to the pollers, newest first.
//!
//! The journal shows who requested a command and when. It includes commands that changed nothing.

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
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::operations::{self, Operation, OperationFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OperationChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Kinds, comma-separated: `pause`, `resume`, `run`, …
    #[param(example = "pause,resume")]
    kind: Option<String>,
}

parameter_groups! {
    OperationParameters { choice: OperationChoice, page: PageParameters }
}

/// List operator commands
///
/// Every pause, resume, requested run, replay and other command, newest first, with its operator and time.
#[utoipa::path(
    get, path = "/v1/sync/operations", tag = "sync", params(OperationChoice, PageParameters),
    responses(
        (status = 200, description = "A page of commands. The Link header names the next page.", body = List<Operation>, example = json!({
            "items": [{
                "operation_id": 12, "requested_at": "2026-11-20T10:40:00Z", "kind": "pause", "source": "rtk-prod", "stream": "transcript",
                "target": null, "requested_by": "127.0.0.1:50214", "request_id": "5f0c3a52-6a62-4ed5-8a5e-0d0a5b7f7f11"
            }],
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_operations(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<OperationParameters>,
) -> Result<Response, ApiError> {
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let mut filter = OperationFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        kinds: list(given.choice.kind.as_deref()),
        before_operation_id: None,
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("operations {filter:?}");
    filter.before_operation_id = given.page.after(&question, &mut faults);
    faults.refuse()?;
    let mut items = operations::list(&state.pool, &filter, limit + 1).await?;
    let page = Page::cut(&mut items, limit, |operation| cursor::encode(&question, &operation.operation_id));
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
