//! `GET /v1/actions`: the journal of calls that started something, newest first.
//!
//! It shows those who pay for the calls who requested what, when, and with which outcome.

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
use crate::model::action::ActionKind;
use crate::query::actions::{self, Action, ActionFilter, STATES};
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::cursor;
use crate::query::freshness::Freshness;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActionChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "konpro-main")]
    source: Option<String>,
    /// `generate_summary`, `start_streaming_session`; comma-separated.
    #[param(example = "generate_summary")]
    kind: Option<String>,
    /// `started`, `succeeded`, `refused`, `postponed`, `unknown`; comma-separated.
    #[param(example = "unknown")]
    state: Option<String>,
}

parameter_groups! {
    ActionParameters { choice: ActionChoice, page: PageParameters }
}

/// List action calls
///
/// Every call that starts something at a provider, newest first: its caller, its time and its outcome. `unknown` means
/// that the provider may have started it: the response was lost, or the service ended before the response came.
#[utoipa::path(
    get, path = "/v1/actions", tag = "actions", params(ActionChoice, PageParameters),
    responses(
        (status = 200, description = "A page of calls. The Link header names the next page.", body = List<Action>, example = json!({
            "items": [{
                "action_id": 17, "kind": "generate_summary", "state": "succeeded", "source": "rtk-prod", "provider": "realtimekit",
                "session_id": 42, "provider_session_id": "1b273ff6-8b20-4000-932f-0634db39ebfa",
                "requested_by": "127.0.0.1:50214", "request_id": "5f0c3a52-6a62-4ed5-8a5e-0d0a5b7f7f11",
                "started_at": "2026-11-20T10:40:00Z", "ended_at": "2026-11-20T10:40:01Z", "http_status": null,
                "error_class": null, "detail": null
            }],
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_actions(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<ActionParameters>,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let mut filter = ActionFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        kinds: words("kind", given.choice.kind.as_deref(), &ActionKind::ALL.map(ActionKind::as_str), &mut faults),
        states: words("state", given.choice.state.as_deref(), &STATES, &mut faults),
        ..ActionFilter::default()
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("actions {filter:?}");
    filter.before_action_id = given.page.after(&question, &mut faults);
    faults.refuse()?;
    let mut items = actions::list(&state.pool, &filter, now, limit + 1).await?;
    let page = Page::cut(&mut items, limit, |action| cursor::encode(&question, &action.action_id));
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, now, state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
