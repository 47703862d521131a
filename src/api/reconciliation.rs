//! `GET /v1/reconciliation`: stored data compared with the providers' counts, window by window, with history.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::{switch, words};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::query::reconciliations::{self, Reconciliation, ReconciliationFilter, STATES};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReconciliationChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// Results.
    #[param(example = "differs,failed")]
    state: Option<String>,
    /// `true`: only the newest comparison of each window. Default: all comparisons.
    #[param(value_type = Option<bool>, example = true)]
    latest: Option<String>,
}

/// Reconciliation results
///
/// Comparisons of the stored data with the provider's own counts, newest first. A window that differed was read again:
/// `healed` names the missing sessions that were fetched, `differs` states the remaining difference. A provider's daily
/// totals are compared too.
#[utoipa::path(
    get, path = "/v1/reconciliation", tag = "data", params(ReconciliationChoice, PageParameters),
    responses(
        (status = 200, description = "A page of comparisons. The Link header names the next page.", body = List<Reconciliation>, example = json!({
            "items": [{
                "reconciliation_id": 812, "source": "rtk-prod", "provider": "realtimekit", "stream": "sessions",
                "window_from": "2026-11-18T00:00:00Z", "window_to": "2026-11-19T00:00:00Z", "checked_at": "2026-11-20T03:30:02Z",
                "state": "healed", "reason": null, "provider_sessions": 180, "stored_sessions_before": 179, "stored_sessions": 180,
                "missing_count": 1, "healed_count": 1, "surplus_count": 0, "stale_state_count": 0, "rejected_count": 0,
                "missing": ["3f0c2d4e-6a62-4ed5-8a5e-0d0a5b7f7f11"], "surplus": [], "stale_state": [], "provider_minutes": 9120, "stored_minutes": 9120,
                "minutes_state": "match", "day_offset_hours": 0, "is_latest": true
            }],
            "page": {"has_more": true, "next": "WzEyMywgNDcxMV0"},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_reconciliations(request: ListRequest<ReconciliationChoice>) -> Result<Response, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = ReconciliationFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        states: words("state", given.state.as_deref(), &STATES, &mut faults),
        only_latest: switch("latest", given.latest.as_deref(), &mut faults),
        ..ReconciliationFilter::default()
    };
    let page = list.page("reconciliation", &filter, &mut faults);
    filter.before_reconciliation_id = page.after;
    faults.refuse()?;
    let items = reconciliations::list(&list.state.pool, &filter, page.to_read()).await?;
    Ok(list.answer(&page, items, |compared| compared.reconciliation_id, filter.sources))
}
