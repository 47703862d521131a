//! `GET /v1/freshness`: how far each stream is proven complete.
//!
//! Every answer includes the same data; this endpoint serves clients that want only this: to wait until the
//! data has come as far as they need, or to detect a change. So it is read from the replica that answers them next.

use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::etag::EntityTag;
use crate::api::health::probe;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ForCaller;
use crate::query::catalog::SourceFilter;
use crate::query::freshness::Freshness;

/// Returns the freshness of an answer for the API's description.
pub(crate) fn example() -> serde_json::Value {
    serde_json::json!({"state": "fresh", "data_version": "d48213", "is_paused": false, "streams": []})
}

/// Data freshness
///
/// The time up to which each stream is proven complete, the time up to which changes of stored sessions are known
/// (`state_as_of`), and the version of the stored data, which grows with every write.
#[utoipa::path(
    get, path = "/v1/freshness", tag = "data",
    responses(
        (status = 200, description = "Freshness of all configured sources.", body = Freshness, example = json!({
            "state": "fresh", "complete_through": "2026-11-20T10:42:07Z",
            "state_as_of": "2026-11-15T03:00:01Z", "data_version": "d48213", "is_paused": false,
            "streams": [{"source": "konvo-eu", "provider": "konvo", "stream": "sessions", "state": "fresh", "stale_after_seconds": 900,
                         "is_paused": false, "complete_through": "2026-11-20T10:42:07Z", "state_as_of": "2026-11-15T03:00:01Z",
                         "last_success_at": "2026-11-20T10:42:09Z", "last_verdict": "complete"}]
        })),
        (status = 304, description = "The response has not changed."),
        ReadProblems
    )
)]
pub(crate) async fn read_freshness(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    asked: Asked<NoParameters>,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let load = state.catalog_from(&state.probes, None);
    let catalog = probe(&state, state.health.probe_timeout, load).await?;
    let sources = catalog.select(&SourceFilter::default());
    let freshness = Freshness::of(&catalog, &sources, state.clock.now());
    // the replica moves on although nothing changes; time alone may change the state
    let tag = EntityTag::of_value(&Freshness { replica_as_of: None, ..freshness.clone() })?.brief_if(true);
    Ok(if tag.is_held_by(&headers) { tag.not_modified() } else { tag.answer(freshness) })
}
