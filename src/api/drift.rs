//! `GET /v1/sync/drift`: unexpected fields and values that providers sent.
//!
//! It shows operators of the pollers a new field or value before anything depends on it. It shows no values
//! that could be personal.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::words;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::model::stream::Stream;
use crate::query::drift::{self, Drift, DriftFilter, DriftKey, KINDS};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DriftChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Streams.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// Kinds.
    #[param(example = "unknown_field,unknown_value")]
    kind: Option<String>,
}

/// List unknown provider values
///
/// Fields and values that providers sent and this version does not know, and values that it could not read;
/// newest first. No data is lost: the records are stored byte for byte, and a later version can replay them.
#[utoipa::path(
    get, path = "/v1/sync/drift", tag = "data", params(DriftChoice, PageParameters),
    responses(
        (status = 200, description = "A page of the ledger. The Link header names the next page.", body = List<Drift>, example = json!({
            "items": [{
                "source": "rtk-prod", "provider": "realtimekit", "stream": "sessions", "kind": "unknown_value", "path": "/status",
                "value": "SCHEDULED", "first_seen_at": "2026-11-20T10:40:04Z", "last_seen_at": "2026-11-20T10:45:04Z",
                "record_count": 3
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_drift(request: ListRequest<DriftChoice>) -> Result<Response, ApiError> {
    let uri = request.uri();
    Ok(drift_of(request).await?.answer(&uri))
}

/// Returns a page of the lines, which the page shows, too.
pub(crate) async fn drift_of(request: ListRequest<DriftChoice>) -> Result<List<Drift>, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let filter = DriftFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        streams: words("stream", given.stream.as_deref(), &Stream::ALL.map(Stream::as_str), &mut faults),
        kinds: words("kind", given.kind.as_deref(), &KINDS, &mut faults),
    };
    let page = list.page("drift", &filter, &mut faults);
    page.check_instant(|key: &DriftKey| key.first_seen_at, &mut faults);
    faults.refuse()?;
    let items = drift::list(&list.state.pool, &filter, page.after.as_ref(), page.to_read()).await?;
    Ok(list.list(&page, items, Drift::key, filter.sources))
}
