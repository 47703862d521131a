//! `GET /v1/sync/drift`: unexpected fields and values that providers sent.
//!
//! It shows operators of the pollers a new field or value before anything depends on it. It shows no values
//! that could be personal.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, Page};
use crate::api::parameters::values::{PageParameters, check_instant, words};
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ApiState;
use crate::model::stream::Stream;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::cursor;
use crate::query::drift::{self, Drift, DriftFilter, DriftKey, KINDS};
use crate::query::freshness::Freshness;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DriftChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Streams, comma-separated.
    #[param(example = "sessions")]
    stream: Option<String>,
    /// `unknown_field`, `unknown_value`, `unreadable_value`, `replaced_text`, `stray_quote`; comma-separated.
    #[param(example = "unknown_field,unknown_value")]
    kind: Option<String>,
}

parameter_groups! {
    DriftParameters { choice: DriftChoice, page: PageParameters }
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
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_drift(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<DriftParameters>,
) -> Result<Response, ApiError> {
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let filter = DriftFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        streams: words("stream", given.choice.stream.as_deref(), &Stream::ALL.map(Stream::as_str), &mut faults),
        kinds: words("kind", given.choice.kind.as_deref(), &KINDS, &mut faults),
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("drift {filter:?}");
    let after: Option<DriftKey> = given.page.after(&question, &mut faults);
    check_instant(after.as_ref().map(|after| after.first_seen_at), &mut faults);
    faults.refuse()?;
    let mut items = drift::list(&state.pool, &filter, after.as_ref(), limit + 1).await?;
    let page = Page::cut(&mut items, limit, |line| cursor::encode(&question, &line.key()));
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
