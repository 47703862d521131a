//! `POST /v1/people/exports`: all stored rows of one person.

use std::collections::BTreeMap;

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::people::{PersonBody, fields, people, read_person, refused};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ControlProblems;
use crate::api::state::ForCaller;

/// All stored rows of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonExport {
    /// Slug of the source.
    source: String,
    /// Pseudonyms under which the person is stored.
    person_ids: Vec<String>,
    /// Identifiers of the person.
    identifiers: Vec<String>,
    /// Names of the person.
    names: Vec<String>,
    /// Rows by table, each an object of its columns.
    #[schema(value_type = BTreeMap<String, Vec<Object>>)]
    rows: BTreeMap<String, Vec<Value>>,
}

/// Export a person
///
/// All stored rows of a person at a source: sessions, messages, presences, utterances, quality. Of a session with
/// several people, the person's own rows and the session itself; not the summary, which is of all of them, nor what
/// others said. Raw bytes are not included: the rows are made from them.
#[utoipa::path(
    post, path = "/v1/people/exports", tag = "people",
    request_body(content = PersonBody, example = json!({"source": "konvo-eu", "identity": "+4915100000000"})),
    responses(
        (status = 200, description = "The rows; empty where the person is not stored.", body = PersonExport, example = json!({
            "source": "konvo-eu", "person_ids": ["5f0c3a526a624ed58a5e0d0a5b7f7f11"], "identifiers": ["+4915100000000"], "names": [],
            "rows": {"core.messages": [{"session_id": 42, "position": 0, "sender_role": "user", "body": "Hello"}]}
        })),
        ControlProblems
    )
)]
pub(crate) async fn export_person(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<PersonExport>, ApiError> {
    asked.faults.refuse()?;
    let mut faults = Faults::default();
    let body: PersonBody = fields(&request.body, &mut faults);
    let person = read_person(&body.source, &body.identity, &body.identity_kind, &mut faults);
    let faults = faults.in_body("");
    if !faults.is_empty() {
        return Err(ApiError::InvalidBody(faults));
    }
    match people(&state, &person.source)?.export(&person.named()).await {
        Ok(exported) => Ok(Json(PersonExport {
            source: person.source,
            person_ids: exported.person_ids,
            identifiers: exported.identifiers,
            names: exported.names,
            rows: exported.rows,
        })),
        Err(error) => Err(refused(&state, error).await),
    }
}
