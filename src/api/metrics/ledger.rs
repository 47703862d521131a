//! `GET /v1/minutes/ledger`: the origin of each minute of a metric value.
//!
//! The rows of a kind add up to the metric of that kind: the list leaves out what metrics leave out.

use axum::extract::OriginalUri;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::IntoParams;

use crate::api::etag::EntityTag;
use crate::api::formats::cell::{Column, columns, with_local_date};
use crate::api::formats::list::{self, Pages};
use crate::api::formats::{Form, FormParameter, describe};
use crate::api::metrics::question::conditions;
use crate::api::metrics::question::parameters::FieldParameters;
use crate::api::page::{KeyInRange, List, PageParameters, PageRequest};
use crate::api::parameters::time::{TimeParameters, When};
use crate::api::parameters::values::words;
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::TableProblems;
use crate::api::state::ForCaller;
use crate::query::ReadError;
use crate::query::freshness::Freshness;
use crate::query::ledger::{self, KINDS, LedgerKey, LedgerLine};
use crate::query::sessions::list::SessionFilter;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KindParameter {
    /// Kinds of minutes. Default: all.
    #[param(example = "consumed")]
    minutes_kind: Option<String>,
}

parameter_groups! {
    LedgerParameters {
        kind: KindParameter,
        fields: FieldParameters,
        time: TimeParameters,
        page: PageParameters,
        form: FormParameter,
    }
}

/// List the minutes ledger
///
/// A row for each session and kind of minutes it can have, newest first: the metered minutes, their rounding when sold,
/// and the difference from the sum of the participants, with its reason. No row: not applicable; a row without minutes:
/// unknown. Never add different bases without saying so.
#[utoipa::path(
    get, path = "/v1/minutes/ledger", tag = "figures",
    params(KindParameter, FieldParameters, TimeParameters, PageParameters, FormParameter),
    responses(
        (status = 200, description = "A page of the ledger. The Link header names the next page.", content((List<LedgerLine> = "application/json", example = json!({
            "items": [{"started_at": "2026-11-18T10:00:00Z", "session_id": 42, "source": "rtk-prod", "provider": "realtimekit",
                       "provider_session_id": "1b273ff6-8b20-4000-932f-0634db39ebfa", "minutes_kind": "consumed",
                       "minutes_basis": "participant_time", "minutes": 105.5, "is_billable": true, "is_provisional": false,
                       "rounding": "ceil_per_session", "rounded_minutes": 106, "difference_minutes": 0.5, "difference_class": "rounding"}],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })), (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"))),
        (status = 304, description = "The response has not changed."),
        TableProblems
    )
)]
pub(crate) async fn list_ledger(
    ForCaller(state): ForCaller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<LedgerParameters>,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let When { range, zone } = given.time.read(state.default_zone, now, &mut faults);
    let catalog = state.catalog(range).await?;
    let conditions = conditions::read(&given.fields.said(), &catalog, &mut faults);
    let sources = catalog.select(&conditions.sources);
    let source_ids = Some(sources.iter().map(|source| source.source_id).collect());
    let filter = SessionFilter { source_ids, conditions, ..SessionFilter::default() };
    let kinds = words("minutes_kind", given.kind.minutes_kind.as_deref(), &KINDS, &mut faults);
    let form = given.form.read(&headers, &mut faults);
    // bound to the time parameters as given: a named range moves on between pages
    let question = format!("ledger {:?} {filter:?} {kinds:?}", given.time);
    let page = PageRequest::<KeyInRange<LedgerKey>>::read(&given.page, question, &mut faults);
    page.check_instant(|after| after.key.0, &mut faults);
    faults.refuse()?;
    let form = form?;
    let started = page.after.as_ref().map_or(range, KeyInRange::range);
    let filter = SessionFilter { started, ..filter };
    let at = |at| Freshness::over(&catalog, &sources, started, at);
    let freshness = at(now);
    let is_brief = freshness != at(now + TimeDelta::minutes(1));
    let after = page.after.as_ref().map(|after| after.key.clone());
    let limit = page.limit();
    let tag = EntityTag::of(
        &catalog,
        &format!("{} {started:?} {limit} {after:?} {form:?} {:?}", page.question(), freshness.state),
    )
    .brief_if(is_brief);
    if tag.is_held_by(&headers) {
        return Ok(tag.not_modified());
    }
    let whole = WholeLedger { pool: state.pool, filter, kinds };
    if form != Form::Json && !given.page.is_said() {
        return Ok(describe(
            tag.mark(list::whole(form, ledger_columns(zone), whole, state.on_replica).await?),
            &freshness,
            [],
        ));
    }
    let items = whole.read(after, page.to_read()).await?;
    let (items, page) = page.cut(items, |last| KeyInRange::of(started, whole.key(last)));
    Ok(tag.mark(list::page(form, &ledger_columns(zone), &List { items, page, freshness }, &uri)?))
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

    fn pool(&mut self) -> &mut PgPool {
        &mut self.pool
    }

    fn key(&self, item: &LedgerLine) -> LedgerKey {
        (item.started_at, item.session_id, item.minutes_kind.clone())
    }

    async fn read(&self, after: Option<LedgerKey>, limit: i64) -> Result<Vec<LedgerLine>, ReadError> {
        ledger::list(&self.pool, &self.filter, &self.kinds, after, limit).await
    }
}

/// Returns the columns of a line, as in JSON, with its local date.
fn ledger_columns(zone: Tz) -> Vec<Column<LedgerLine>> {
    let columns = columns!(LedgerLine {
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
    });
    with_local_date(columns, "started_at", zone, |line: &LedgerLine| line.started_at)
}
