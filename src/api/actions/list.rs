//! `GET /v1/actions`: the journal of calls that started something, newest first.
//!
//! It shows those who pay for the calls who requested what, when, and with which outcome.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::words;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::model::action::ActionKind;
use crate::query::actions::{self, Action, ActionFilter, STATES};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActionChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Kinds.
    #[param(example = "generate_summary")]
    kind: Option<String>,
    /// Outcomes of the calls.
    #[param(example = "unknown")]
    state: Option<String>,
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
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_actions(request: ListRequest<ActionChoice>) -> Result<Response, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = ActionFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        kinds: words("kind", given.kind.as_deref(), &ActionKind::ALL.map(ActionKind::as_str), &mut faults),
        states: words("state", given.state.as_deref(), &STATES, &mut faults),
        ..ActionFilter::default()
    };
    let page = list.page("actions", &filter, &mut faults);
    filter.before_action_id = page.after;
    faults.refuse()?;
    let items = actions::list(&list.state.pool, &filter, list.now, page.to_read()).await?;
    Ok(list.answer(&page, items, |action| action.action_id, filter.sources))
}
