//! `GET /v1/metrics/rows`: the sessions, messages or presences behind a metric value.
//!
//! The parameters are those of the query that returned the value; `rows_link` of that answer leads here.
//! Cursors carry the range of the first page, and the remainder of rounding.

use axum::extract::OriginalUri;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::api::formats::cell::{Column, columns, with_local_date};
use crate::api::formats::list::{self, Pages};
use crate::api::formats::{Form, FormParameter, describe};
use crate::api::metrics::figure::{FigureChoice, FigureParameters, Values, subject};
use crate::api::metrics::question::parameters::{AsOfParameter, FieldParameters};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::{Understood, understand};
use crate::api::page::{List, PageParameters, PageRequest};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::{Asked, Faults, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::TableProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::query::ReadError;
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::freshness::Freshness;
use crate::query::metrics::explain::{ContributingRow, RowPosition, Subject, rows};
use crate::query::metrics::registry::metric;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;

parameter_groups! {
    RowParameters { figure: FigureParameters, page: PageParameters, form: FormParameter }
}

/// End of a page.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeysetPosition {
    range: (DateTime<Utc>, DateTime<Utc>),
    row: RowPosition,
}

/// Refuses metrics whose rows belong to no session, and names the endpoint that lists them.
fn check_rows(raw_query: &RawQuery, faults: &mut Faults) {
    for said in &raw_query.metrics {
        if let Some(list) = metric(&said.text).and_then(|metric| metric.grain.listed_at()) {
            let detail = format!("The rows of `{}` belong to no session; {list} lists them.", said.text);
            faults.note(&said.at, "no_rows", detail);
        }
    }
}

/// List the rows behind a metric value
///
/// The sessions, messages or presences behind a value of `/v1/metrics/query`, each with its contribution: all
/// contributions together are the value, of a ratio divided by all denominators. By time, oldest first; `rows_link` of
/// a response links here.
#[utoipa::path(
    get, path = "/v1/metrics/rows", tag = "figures",
    params(FigureChoice, TimeParameters, AsOfParameter, FieldParameters, PageParameters, FormParameter),
    responses(
        (status = 200, description = "A page of rows. The Link header names the next page.", content((List<ContributingRow> = "application/json", example = json!({
            "items": [{"at": "2026-11-18T13:00:00Z", "session_id": 32, "source": "konvo-eu", "provider": "konvo",
                       "provider_session_id": "chat-8f2", "session_kind": "chat", "session_state": "ended",
                       "outcome": "resolved", "channel": "webchat", "contribution": 1, "denominator": 1, "is_unknown": false}],
            "page": {"has_more": true, "next": "WzEyMzQ1LFsiMjAyNi0xMS0yMCJdXQ"},
            "freshness": crate::api::freshness::example()
        })), (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"))),
        TableProblems
    )
)]
pub(crate) async fn list_rows(
    ForCaller(state): ForCaller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<RowParameters>,
) -> Result<Response, ApiError> {
    let form = given.form.read(&headers, &mut faults);
    let listing = Listing::understand(&state, &given, faults).await?;
    let (form, columns) = (form?, row_columns(listing.whole.understood.query.zone));
    if form != Form::Json && !given.page.is_said() {
        let freshness = listing.freshness()?;
        return Ok(describe(list::whole(form, columns, listing.whole, state.on_replica).await?, &freshness, []));
    }
    list::page(form, &columns, &listing.page().await?, &uri)
}

/// A request for the rows behind a value that was understood.
pub(crate) struct Listing {
    whole: WholeRows,
    request: PageRequest<KeysetPosition>,
}

impl Listing {
    /// Understands the parameters; reads the catalog.
    pub(crate) async fn understand(
        state: &ApiState,
        given: &RowParameters,
        mut faults: Faults,
    ) -> Result<Self, ApiError> {
        let (raw_query, values) = given.figure.raw_query(&mut faults);
        check_rows(&raw_query, &mut faults);
        // bound to the parameters as given, not to the instants they meant at the time
        let question = format!("rows {:?}", given.figure);
        let request = PageRequest::<KeysetPosition>::read(&given.page, question, &mut faults);
        let instants: [fn(&KeysetPosition) -> _; 3] =
            [|after| after.range.0, |after| after.range.1, |after| after.row.at];
        for at in instants {
            request.check_instant(at, &mut faults);
        }
        let mut understood = understand(state, &raw_query, Granularity::None, MAX_BUCKETS, faults).await?;
        if let Some(KeysetPosition { range: (from, to), .. }) = request.after {
            understood.query.range = TimeRange { from, to };
        }
        Ok(Self { whole: WholeRows { pool: state.pool.clone(), understood, values }, request })
    }

    /// Returns how complete the data behind the rows is.
    fn freshness(&self) -> Result<Freshness, ApiError> {
        let (understood, subject) = (&self.whole.understood, self.whole.subject()?);
        Ok(Freshness::over(&understood.catalog, &subject.sources, Some(subject.query.range), understood.now))
    }

    /// Reads the requested page.
    pub(crate) async fn page(&self) -> Result<List<ContributingRow>, ApiError> {
        let (WholeRows { pool, understood, .. }, subject) = (&self.whole, self.whole.subject()?);
        let after = self.request.after.as_ref().map(|after| after.row.clone());
        let snapshot = Snapshot::take(pool).await?;
        let items = rows(&snapshot, &subject, after, self.request.to_read(), understood.now).await?;
        let range = (subject.query.range.from, subject.query.range.to);
        let (items, page) = self.request.cut(items, |last| KeysetPosition { range, row: last.position.clone() });
        Ok(List { items, page, freshness: self.freshness()? })
    }
}

/// All rows behind a value.
struct WholeRows {
    pool: PgPool,
    understood: Understood,
    values: Values,
}

impl WholeRows {
    fn subject(&self) -> Result<Subject<'_>, ApiError> {
        // unreachable: a query has a metric
        subject(&self.understood, self.values.clone()).ok_or_else(|| Faults::default().into_error())
    }
}

impl Pages for WholeRows {
    type Item = ContributingRow;
    type Key = RowPosition;

    fn pool(&mut self) -> &mut PgPool {
        &mut self.pool
    }

    fn key(&self, item: &ContributingRow) -> RowPosition {
        item.position.clone()
    }

    async fn read(&self, after: Option<RowPosition>, limit: i64) -> Result<Vec<ContributingRow>, ReadError> {
        let Some(subject) = subject(&self.understood, self.values.clone()) else { return Ok(Vec::new()) };
        rows(&Snapshot::take(&self.pool).await?, &subject, after, limit, self.understood.now).await
    }
}

/// Returns the columns of a row, as in JSON, with its local date.
fn row_columns(zone: Tz) -> Vec<Column<ContributingRow>> {
    let columns = columns!(ContributingRow {
        at,
        session_id,
        source,
        provider,
        provider_session_id,
        session_kind,
        session_state,
        outcome,
        channel,
        row_id,
        contribution,
        denominator,
        is_unknown,
        unknown_count,
    });
    with_local_date(columns, "at", zone, |row: &ContributingRow| row.at)
}
