//! `GET /v1/minutes/ledger`: the origin of each minute of a metric value.
//!
//! The rows of a kind add up to the metric of that kind: the list leaves out what metrics leave out.

use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::IntoParams;

use crate::api::etag::EntityTag;
use crate::api::formats::cell::{Column, columns, head, rows};
use crate::api::formats::whole::{Pages, send};
use crate::api::formats::{Form, FormParameter, describe, table};
use crate::api::page::{List, Page};
use crate::api::parameters::filters::FilterParameters;
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::values::{PageParameters, check_instant, words};
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::TableProblems;
use crate::api::state::ApiState;
use crate::query::ReadError;
use crate::query::catalog::Catalog;
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::ledger::{self, KINDS, LedgerKey, LedgerLine};
use crate::query::range::TimeRange;
use crate::query::sessions::SessionFilter;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KindParameter {
    /// `consumed`, `wall_clock`, `participant`, `active`; comma-separated. Default: all.
    #[param(example = "consumed")]
    minutes_kind: Option<String>,
}

parameter_groups! {
    LedgerParameters {
        kind: KindParameter,
        filters: FilterParameters,
        time: TimeParameters,
        page: PageParameters,
        form: FormParameter,
    }
}

/// End of a page: the range of the first page, and the sort key of the last row.
#[derive(Debug, Serialize, Deserialize)]
struct KeysetPosition {
    range: Option<(DateTime<Utc>, DateTime<Utc>)>,
    key: LedgerKey,
}

/// List the minutes ledger
///
/// A row for each session and kind of minutes it can have, newest first: the metered minutes, their rounding when sold,
/// and the difference from the sum of the participants, with its reason. No row: not applicable; a row without
/// minutes: unknown. The rows of kind `consumed` add up to `minutes_consumed`, those of `wall_clock` to
/// `elapsed_minutes`, those of `participant` to `participant_minutes` of the same range and filters. Never add
/// different bases without saying so. As a table, without `limit` and `cursor`, it contains the whole list.
#[utoipa::path(
    get, path = "/v1/minutes/ledger", tag = "figures",
    params(KindParameter, FilterParameters, TimeParameters, PageParameters, FormParameter),
    responses(
        (status = 200, description = "A page of the ledger. The Link header names the next page.", content((List<LedgerLine> = "application/json", example = json!({
            "items": [{"started_at": "2026-11-18T10:00:00Z", "session_id": 42, "source": "rtk-prod", "provider": "realtimekit",
                       "provider_session_id": "1b273ff6-8b20-4000-932f-0634db39ebfa", "minutes_kind": "consumed",
                       "minutes_basis": "participant_time", "minutes": 105.5, "is_billable": true, "is_provisional": false,
                       "rounding": "ceil_per_session", "rounded_minutes": 106, "difference_minutes": 0.5, "difference_class": "rounding"}],
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []}
        })), (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"))),
        (status = 304, description = "The response has not changed."),
        TableProblems
    )
)]
pub(crate) async fn list_ledger(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<LedgerParameters>,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let range = given.time.read(state.default_zone, now, &mut faults).range;
    let catalog = Catalog::load(&state.pool, range).await?;
    let sources = catalog.select(&given.filters.sources(&catalog, &mut faults));
    let filter = SessionFilter {
        source_ids: Some(sources.iter().map(|source| source.source_id).collect()),
        channels: given.filters.channels(),
        outcomes: given.filters.outcomes(&mut faults),
        session_kinds: given.filters.session_kinds(&mut faults),
        ..SessionFilter::default()
    };
    let kinds = words("minutes_kind", given.kind.minutes_kind.as_deref(), &KINDS, &mut faults);
    let (form, limit) = (given.form.read(&headers, &mut faults), given.page.limit(&mut faults));
    // bound to the time parameters as given: a named range moves on between pages
    let question = format!("ledger {:?} {filter:?} {kinds:?}", given.time);
    let mut filter = SessionFilter { started: range, ..filter };
    let after = given.page.after::<KeysetPosition>(&question, &mut faults).map(|position| {
        filter.started = position.range.map(|(from, to)| TimeRange { from, to });
        position.key
    });
    check_instant(after.as_ref().map(|(at, _, _)| *at), &mut faults);
    faults.refuse()?;
    let form = form?;
    let started = filter.started;
    let freshness = Freshness::over(&catalog, &sources, started, now, state.health.stale_after);
    let tag =
        EntityTag::of(&catalog, &format!("{question} {started:?} {limit} {after:?} {form:?} {:?}", freshness.state));
    if tag.is_held_by(&headers) {
        return Ok(tag.not_modified());
    }
    let whole = WholeLedger { pool: state.pool.clone(), filter, kinds };
    if form != Form::Json && !given.page.is_said() {
        return Ok(describe(tag.mark(send(form, ledger_columns(), whole).await?), &freshness, []));
    }
    let mut items = whole.read(after, limit + 1).await?;
    let page = Page::cut(&mut items, limit, |last| {
        let range = started.map(|range| (range.from, range.to));
        cursor::encode(&question, &KeysetPosition { range, key: WholeLedger::key(last) })
    });
    let next = page.next.clone();
    let response = if form == Form::Json {
        tag.answer(List { items, page, freshness: freshness.clone() })
    } else {
        let columns = ledger_columns();
        tag.mark(table(form, head(&columns), &rows(&columns, &items))?)
    };
    Ok(Page::link(next.as_deref(), &uri, describe(response, &freshness, [])))
}

/// All lines that pass a filter.
struct WholeLedger {
    pool: PgPool,
    filter: SessionFilter,
    kinds: Vec<String>,
}

impl Pages for WholeLedger {
    type Item = LedgerLine;
    type Key = LedgerKey;

    fn key(item: &LedgerLine) -> LedgerKey {
        (item.started_at, item.session_id, item.minutes_kind.clone())
    }

    async fn read(&self, after: Option<LedgerKey>, limit: i64) -> Result<Vec<LedgerLine>, ReadError> {
        ledger::list(&self.pool, &self.filter, &self.kinds, after, limit).await
    }
}

/// Returns the columns of a line, as in JSON.
fn ledger_columns() -> Vec<Column<LedgerLine>> {
    columns!(LedgerLine {
        started_at,
        session_id,
        source,
        provider,
        provider_session_id,
        minutes_kind,
        minutes_basis,
        minutes,
        is_billable,
        is_provisional,
        rounding,
        rounded_minutes,
        difference_minutes,
        difference_class,
    })
}
