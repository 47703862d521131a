//! `GET /v1/sync/backfills`: backfills, which read ranges of the past again, newest first.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::backfills::one::example;
use crate::api::page::{List, Page};
use crate::api::parameters::values::{PageParameters, words};
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ApiState;
use crate::query::backfills::{self, Backfill, BackfillFilter, STATES};
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::cursor;
use crate::query::freshness::Freshness;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BackfillChoice {
    /// Slugs of sources, comma-separated.
    #[param(example = "konpro-main")]
    source: Option<String>,
    /// `running`, `paused`, `done`, `failed`, `cancelled`; comma-separated.
    #[param(example = "running,failed")]
    state: Option<String>,
}

parameter_groups! {
    BackfillParameters { choice: BackfillChoice, page: PageParameters }
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
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:39:58Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_backfills(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<BackfillParameters>,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let catalog = Catalog::load(&state.pool, None).await?;
    let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
    let mut filter = BackfillFilter {
        sources: words("source", given.choice.source.as_deref(), &slugs, &mut faults),
        states: words("state", given.choice.state.as_deref(), &STATES, &mut faults),
        ..BackfillFilter::default()
    };
    let limit = given.page.limit(&mut faults);
    let question = format!("backfills {filter:?}");
    filter.before_backfill_id = given.page.after(&question, &mut faults);
    faults.refuse()?;
    let mut items = backfills::list(&state.pool, &filter, now, limit + 1).await?;
    let page = Page::cut(&mut items, limit, |backfill| cursor::encode(&question, &backfill.backfill_id));
    let next = page.next.clone();
    let sources = catalog.select(&SourceFilter { sources: filter.sources, providers: Vec::new() });
    let freshness = Freshness::of(&catalog, &sources, now, state.health.stale_after);
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
