//! `POST /v1/people/erasures`, `GET /v1/people/erasures` and `/{erasure_id}`: erase a person, and the proofs.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::page::{List, PageParameters};
use crate::api::parameters::path::ErasureId;
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::people::{ErasureBody, choice, fields, people, read_person, refused};
use crate::api::problem::ApiError;
use crate::api::problem_responses::{ControlProblems, FindProblems, ReadProblems};
use crate::api::source_list::ListRequest;
use crate::api::state::ForCaller;
use crate::api::sync::source_changes::DryRun;
use crate::query::erasures::{self, Erasure};
use crate::store::erasure::ErasureRequest;

/// An erasure, begun or planned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureRequested {
    /// Number of the erasure in `/v1/people/erasures`; null: a dry run.
    erasure_id: Option<i64>,
    /// Whether this was a dry run.
    is_dry_run: bool,
    /// Pseudonyms under which the person was stored; 0: nothing is stored, and nothing will be.
    person_count: i64,
    /// Rows by table: of a dry run, all that would be erased; else those that are erased so far.
    rows: BTreeMap<String, i64>,
}

/// Returns an erasure for the API's description.
fn example() -> serde_json::Value {
    serde_json::json!({
        "erasure_id": 4, "source": "konvo-eu", "state": "done", "sessions": "keep", "requested_by": "127.0.0.1",
        "requested_at": "2026-11-20T10:40:00Z", "finished_at": "2026-11-20T10:40:02Z",
        "erased_rows": {"core.people": 1, "core.sessions": 3, "core.messages": 41, "ingest.raw_records": 5},
        "found_by_identifier": {}, "found_by_name": {}
    })
}

/// Erase a person
///
/// Erases texts, names, contacts and raw bytes of a person at a source. Rows that are counted stay, under a random
/// pseudonym. Records of the person that the provider returns later are stored without the person. The person is named
/// in the body; journals and the audit log do not name it. The pollers do the work after the response; the same request
/// again returns the same erasure.
#[utoipa::path(
    post, path = "/v1/people/erasures", tag = "people", params(DryRun),
    request_body(content = ErasureBody, example = json!({"source": "konvo-eu", "identity": "+4915100000000", "sessions": "keep"})),
    responses(
        (status = 200, description = "The dry run.", body = ErasureRequested, example = json!({
            "erasure_id": null, "is_dry_run": true, "person_count": 1, "rows": {"core.messages": 41, "core.sessions": 3}
        })),
        (status = 202, description = "The erasure has begun.", body = ErasureRequested, example = json!({
            "erasure_id": 4, "is_dry_run": false, "person_count": 1, "rows": {"core.people": 1, "core.sessions": 3}
        })),
        ControlProblems
    )
)]
pub(crate) async fn erase_person(
    ForCaller(state): ForCaller,
    Asked { given, mut faults }: Asked<DryRun>,
    request: ActionRequest,
) -> Result<Response, ApiError> {
    let is_dry_run = given.read(&mut faults);
    faults.refuse()?;
    let mut faults = Faults::default();
    let body: ErasureBody = fields(&request.body, &mut faults);
    let person = read_person(&body.source, &body.identity, &body.identity_kind, &mut faults);
    let sessions = choice(&body.sessions, &["keep", "delete"], &mut faults);
    let faults = faults.in_body("");
    if !faults.is_empty() {
        return Err(ApiError::InvalidBody(faults));
    }
    let operator = request.operator();
    let wanted = ErasureRequest {
        person: person.named(),
        deletes_sessions: sessions.as_deref() == Some("delete"),
        is_dry_run,
        operator: &operator,
        now: state.clock.now(),
    };
    let requested = people(&state, &person.source)?.erase(&wanted).await;
    let requested = match requested {
        Ok(requested) => requested,
        Err(error) => return Err(refused(&state, error).await),
    };
    let status = if is_dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    let answer = ErasureRequested {
        erasure_id: requested.erasure_id,
        is_dry_run,
        person_count: requested.person_count,
        rows: requested.rows,
    };
    Ok((status, Json(answer)).into_response())
}

/// List erasures of people
///
/// Erasures, newest first, with the proof of each: rows by table, and in how many rows the person was found again at
/// the end. They name no person.
#[utoipa::path(
    get, path = "/v1/people/erasures", tag = "people", params(PageParameters),
    responses(
        (status = 200, description = "A page of erasures. The Link header names the next page.", body = List<Erasure>, example = json!({
            "items": [example()], "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_erasures(request: ListRequest<NoParameters>) -> Result<Response, ApiError> {
    let ListRequest { mut faults, list, .. } = request;
    let page = list.page("people/erasures", &(), &mut faults);
    faults.refuse()?;
    let items = erasures::list(&list.state.pool, page.after, page.to_read()).await?;
    Ok(list.answer(&page, items, |erasure| erasure.erasure_id, Vec::new()))
}

/// Erasure details
///
/// One erasure with its proof. It names no person.
#[utoipa::path(
    get, path = "/v1/people/erasures/{erasure_id}", tag = "people",
    params(("erasure_id" = i64, Path, description = "Number of the erasure.", example = 4)),
    responses((status = 200, description = "The erasure.", body = Erasure, example = json!(example())), FindProblems)
)]
pub(crate) async fn read_erasure(
    ForCaller(state): ForCaller,
    ErasureId(erasure_id): ErasureId,
    Asked { faults, .. }: Asked<NoParameters>,
) -> Result<Json<Erasure>, ApiError> {
    faults.refuse()?;
    let found = erasures::find(&state.pool, erasure_id).await?;
    found.map(Json).ok_or_else(|| ApiError::NotFound(format!("There is no erasure {erasure_id}.")))
}
