//! `GET /v1/sync/operations`: operator commands to the pollers, newest first.
//!
//! The journal shows who requested a command and when. It includes commands that changed nothing.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::query::operations::{self, Operation, OperationFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OperationChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Kinds, such as `pause`, `resume`, `run`.
    #[param(example = "pause,resume")]
    kind: Option<String>,
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
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_operations(request: ListRequest<OperationChoice>) -> Result<Response, ApiError> {
    let uri = request.uri();
    Ok(operations_of(request).await?.answer(&uri))
}

/// Returns a page of the commands, which the page shows, too.
pub(crate) async fn operations_of(request: ListRequest<OperationChoice>) -> Result<List<Operation>, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = OperationFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        kinds: values::list(given.kind.as_deref()),
        before_operation_id: None,
    };
    let page = list.page("operations", &filter, &mut faults);
    filter.before_operation_id = page.after;
    faults.refuse()?;
    let items = operations::list(&list.state.pool, &filter, page.to_read()).await?;
    Ok(list.list(&page, items, |operation| operation.operation_id, filter.sources))
}
