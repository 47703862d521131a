//! `GET /v1/sync/backfills`: backfills, which read ranges of the past again, newest first.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::backfills::one::example;
use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::words;
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::query::backfills::{self, Backfill, BackfillFilter, STATES};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BackfillChoice {
    /// Slugs of sources.
    #[param(example = "rtk-prod")]
    source: Option<String>,
    /// States.
    #[param(example = "running,failed")]
    state: Option<String>,
}

/// List backfills
///
/// Every requested backfill, newest first: the number of its proven units, their records, and the time it may
/// still take. `done` means that every unit is proven.
#[utoipa::path(
    get, path = "/v1/sync/backfills", tag = "data", params(BackfillChoice, PageParameters),
    responses(
        (status = 200, description = "A page of backfills. The Link header names the next page.", body = List<Backfill>, example = json!({
            "items": [example()],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_backfills(request: ListRequest<BackfillChoice>) -> Result<Response, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = BackfillFilter {
        sources: list.sources(given.source.as_deref(), &mut faults),
        states: words("state", given.state.as_deref(), &STATES, &mut faults),
        ..BackfillFilter::default()
    };
    let page = list.page("backfills", &filter, &mut faults);
    filter.before_backfill_id = page.after;
    faults.refuse()?;
    let items = backfills::list(&list.state.pool, &filter, list.now, page.to_read()).await?;
    Ok(list.answer(&page, items, |backfill| backfill.backfill_id, filter.sources))
}
