//! `GET /v1/metrics/rows`: the sessions, messages or presences behind a figure.
//!
//! The figure is named as in the question it answered; the way here is `rows_link` of that answer. Cursors carry the
//! range of the first page, and what rounding has left over.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::api::ApiState;
use crate::api::documented::ReadProblems;
use crate::api::metrics::figure::{FigureChoice, FigureParameters};
use crate::api::metrics::question::parameters::{FieldParameters, HindsightParameter};
use crate::api::page::{List, Page};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::values::{PageParameters, check_instant};
use crate::api::parameters::{Asked, parameter_groups};
use crate::api::problem::ApiError;
use crate::query::catalog::Catalog;
use crate::query::cursor;
use crate::query::freshness::Freshness;
use crate::query::metrics::explain::{ContributingRow, RowPosition, rows};
use crate::query::range::TimeRange;

parameter_groups! {
    RowParameters { figure: FigureParameters, page: PageParameters }
}

/// Where a page ends.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    range: (DateTime<Utc>, DateTime<Utc>),
    row: RowPosition,
}

/// The rows behind a figure
///
/// The sessions, messages or presences a figure of `/v1/metrics/query` rests on, each with what it adds: all
/// contributions together are the figure, of a ratio divided by all denominators. Rows that should have told the figure
/// and did not are marked `is_unknown`; sessions whose messages or participants were never read have no rows, and neither
/// have figures about the data itself, which no session is behind. A maximum rests on what was there when it was reached
/// first. By time, oldest first. `rows_link` of an answer leads here.
#[utoipa::path(
    get, path = "/v1/metrics/rows", tag = "figures",
    params(FigureChoice, TimeParameters, FieldParameters, HindsightParameter, PageParameters),
    responses(
        (status = 200, description = "A page of rows. The Link header names the next page.", body = List<ContributingRow>, example = json!({
            "items": [{"at": "2026-11-18T13:00:00Z", "session_id": 32, "source": "konvo-eu", "provider": "konvo",
                       "provider_session_id": "chat-8f2", "session_kind": "chat", "session_state": "ended",
                       "outcome": "resolved", "channel": "webchat", "contribution": 1, "denominator": 1, "is_unknown": false}],
            "page": {"has_more": true, "next": "WzEyMzQ1LFsiMjAyNi0xMS0yMCJdXQ"},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_rows(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    Asked { given, mut faults }: Asked<RowParameters>,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let figure = given.figure.read(&state, now, &mut faults);
    // bound to what was asked, not to the instants it meant at the time
    let question = format!("rows {}", given.figure.words());
    let after = given.page.after::<Position>(&question, &mut faults);
    let limit = given.page.limit(&mut faults);
    let (range, after) = match after {
        Some(Position { range: (from, to), row }) => {
            for at in [from, to, row.at] {
                check_instant(Some(at), &mut faults);
            }
            (Some(TimeRange { from, to }), Some(row))
        }
        None => (figure.range, None),
    };
    let catalog = Catalog::load(&state.pool, range).await?;
    let subject = given.figure.subject(&figure, range, &catalog, &mut faults);
    faults.refuse()?;
    let Some(subject) = subject else {
        return Err(ApiError::Invalid(Vec::new())); // unreachable: each has noted a fault
    };
    let mut items = rows(&state.pool, &subject, after, limit + 1, now).await?;
    let page = Page::cut(&mut items, limit, |last| {
        let range = (subject.query.range.from, subject.query.range.to);
        cursor::encode(&question, &Position { range, row: last.position.clone() })
    });
    let freshness = Freshness::of(&catalog, &subject.sources, now, state.health.stale_after);
    let next = page.next.clone();
    Ok(Page::link(next.as_deref(), &uri, Json(List { items, page, freshness }).into_response()))
}
