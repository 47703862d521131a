//! `POST /v1/keys`, `/v1/keys/{key_id}/rotate` and `/revoke`: make a key, replace it, end it.
//!
//! The answer to the first two holds the key, once. A key gives no scope that it does not have, and a service without
//! keys makes none: a caller without authentication must not get one that lasts.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::access::key_ring::KeyRing;
use crate::api::actions::request::ActionRequest;
use crate::api::parameters::path::PathName;
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::problem::{AccessProblem, ActionProblem, ApiError, Fault};
use crate::api::problem_responses::ControlProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::clock::secret_bytes;
use crate::model::api_key::{KeyText, MAX_NAME_CHARS, Scope, name_of_key};
use crate::model::request_body::{Given, RequestBody, request_body};
use crate::model::time;
use crate::store::api_key::{self, KeyError, NewKey};

/// Time for which a key lasts where none is given.
const DEFAULT_LIFE: TimeDelta = TimeDelta::days(365);
/// Time for which a rotated key stays usable where none is given, hours.
const DEFAULT_OVERLAP_HOURS: i64 = 24;
/// Longest overlap, hours.
const MAX_OVERLAP_HOURS: i64 = 30 * 24;

request_body! {
    /// A key to be made.
    pub(crate) struct NewKeyBody {
        /// Name of the client it is for, at most 100 characters.
        label: String,
        /// Person or team that answers for it, at most 100 characters.
        owner: String,
        /// What it may do; at least one of the scopes of the caller's own key.
        scopes: Vec<String>,
        /// Slugs of the sources it is limited to. Default: all sources, also those to come.
        sources: Option<Vec<String>>,
        /// Time at which it ends (RFC 3339); null: never. Default: after 365 days.
        expires_at: Option<DateTime<Utc>>,
    }

    /// The rotation of a key.
    pub(crate) struct RotationBody {
        /// Hours for which the old key stays usable, 0 to 720. Default: 24.
        overlap_hours: Option<i64>,
    }
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyMade {
    /// The part of the key that finds it.
    key_id: String,
    /// The key. It is shown here only; the service stores its hash.
    key: String,
    /// The key that it succeeds, usable until `replaced_ends_at`.
    replaces: Option<String>,
    /// End of the key that it succeeds.
    replaced_ends_at: Option<DateTime<Utc>>,
}

/// A key that has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyRevoked {
    /// Id of the key.
    key_id: String,
    /// Always `revoked`.
    state: &'static str,
}

/// Create a key
///
/// Makes a key of the API. The answer holds the key, once. `sources` limits it: it then sees only these sources, in
/// values, totals, lists, freshness and health. `costs:write`, `people:manage` and `keys:manage` cannot be limited.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys",
    request_body(content = NewKeyBody, example = json!({
        "label": "dashboard", "owner": "bi-team@example.com", "scopes": ["metrics:read", "sessions:read"], "sources": ["rtk-prod"]
    })),
    responses(
        (status = 201, description = "The key.", body = KeyMade, example = json!({
            "key_id": "0f3c5a7b9d11", "key": "trib_live_0f3c5a7b9d11_…", "replaces": null, "replaced_ends_at": null
        })),
        ControlProblems
    )
)]
pub(crate) async fn create_key(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let ring = keys_of(&state)?;
    let now = state.clock.now();
    let new = read(&request.body, now).map_err(ApiError::InvalidBody)?;
    if let Some(scope) = new.scopes.iter().find(|scope| !state.caller.scopes.contains(scope)) {
        return Err(AccessProblem::BeyondOwn { scope: scope.as_str() }.into());
    }
    let key = KeyText::generate(state.access_policy.key_environment(), &secret_bytes());
    api_key::create(&state.pool, &key, &new, &request.operator(), now).await.map_err(refused)?;
    ring.forget();
    Ok(made(&key, None))
}

/// Rotate a key
///
/// Makes a successor with the same label, owner, scopes and sources, which lasts as long from now as the old key did.
/// The old key stays usable for `overlap_hours`. The answer holds the new key, once.
#[utoipa::path(
    post, path = "/v1/keys/{key_id}/rotate", tag = "keys",
    params(("key_id" = String, Path, description = "Id of the key.", example = "0f3c5a7b9d11")),
    request_body(content = RotationBody, description = "May be empty.", example = json!({"overlap_hours": 24})),
    responses(
        (status = 201, description = "The new key.", body = KeyMade, example = json!({
            "key_id": "7be10c4d2f98", "key": "trib_live_7be10c4d2f98_…", "replaces": "0f3c5a7b9d11",
            "replaced_ends_at": "2026-11-21T10:40:00Z"
        })),
        ControlProblems
    )
)]
pub(crate) async fn rotate_key(
    ForCaller(state): ForCaller,
    PathName(key_id): PathName,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let ring = keys_of(&state)?;
    let overlap = overlap(&request.body).map_err(ApiError::InvalidBody)?;
    let scopes = ring.scopes(&key_id).await?;
    if let Some(scope) = scopes.iter().find(|scope| !state.caller.scopes.contains(scope)) {
        return Err(AccessProblem::BeyondOwn { scope: scope.as_str() }.into());
    }
    let key = KeyText::generate(state.access_policy.key_environment(), &secret_bytes());
    let (operator, now) = (request.operator(), state.clock.now());
    let ends_at = api_key::rotate(&state.pool, &key, &key_id, overlap, &operator, now).await.map_err(refused)?;
    ring.forget();
    Ok(made(&key, Some((key_id, ends_at))))
}

/// Revoke a key
///
/// Ends a key: within two seconds, every process refuses it. Revoking it again changes nothing. The body is empty or
/// `{}`.
#[utoipa::path(
    post, path = "/v1/keys/{key_id}/revoke", tag = "keys",
    params(("key_id" = String, Path, description = "Id of the key.", example = "0f3c5a7b9d11")),
    responses(
        (status = 200, description = "It has ended.", body = KeyRevoked, example = json!({"key_id": "0f3c5a7b9d11", "state": "revoked"})),
        ControlProblems
    )
)]
pub(crate) async fn revoke_key(
    ForCaller(state): ForCaller,
    PathName(key_id): PathName,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<KeyRevoked>, ApiError> {
    asked.faults.refuse()?;
    request.refuse_content()?;
    let ring = keys_of(&state)?;
    api_key::revoke(&state.pool, &key_id, &request.operator(), state.clock.now()).await.map_err(refused)?;
    ring.forget();
    Ok(Json(KeyRevoked { key_id, state: "revoked" }))
}

fn keys_of(state: &ApiState) -> Result<&KeyRing, ApiError> {
    state.access_policy.keys.as_ref().ok_or_else(|| AccessProblem::NoKeysHere.into())
}

fn made(key: &KeyText, replaced: Option<(String, DateTime<Utc>)>) -> Response {
    let (replaces, replaced_ends_at) = replaced.unzip();
    let answer = KeyMade { key_id: key.id.clone(), key: key.reveal().to_owned(), replaces, replaced_ends_at };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::CREATED, no_store, Json(answer)).into_response()
}

fn refused(error: KeyError) -> ApiError {
    match error {
        KeyError::NoSource(slug) => {
            let mut faults = Faults::default();
            faults.note("sources", "unknown_value", format!("There is no source `{slug}`; see /v1/sources."));
            ApiError::InvalidBody(faults.in_body(""))
        }
        KeyError::NoKey(_) => ApiError::NotFound("There is no key with this id; see /v1/keys.".to_owned()),
        KeyError::Ended(_) => ActionProblem::KeyEnded.into(),
        KeyError::Store(error) => error.into(),
    }
}

fn read(body: &Value, now: DateTime<Utc>) -> Result<NewKey, Vec<Fault>> {
    let (mut faults, nothing) = (Faults::default(), Map::new());
    let object = body.as_object().unwrap_or(&nothing);
    faults.note_unknown_fields(object, NewKeyBody::FIELDS);
    let body = NewKeyBody::of(object, "");
    let (label, owner) = (text(&body.label, &mut faults), text(&body.owner, &mut faults));
    let mut scopes = Vec::new();
    for name in texts(&body.scopes, &mut faults).unwrap_or_default() {
        match Scope::parse(&name) {
            Some(scope) if scopes.contains(&scope) => {}
            Some(scope) => scopes.push(scope),
            None => faults.note_unknown("scopes", "unknown_value", &name, Scope::ALL.map(Scope::as_str)),
        }
    }
    let sources = body.sources.not_null().is_some().then(|| texts(&body.sources, &mut faults)).flatten();
    if let Some(names) = Scope::unlimitable(&scopes).filter(|_| sources.is_some()) {
        let detail = format!("A key limited to sources cannot have {names}: omit `sources`, or these scopes.");
        faults.note("sources", "conflicting_fields", detail);
    }
    let expires_at = match &body.expires_at.value {
        None => Some(now + DEFAULT_LIFE),
        Some(Value::Null) => None,
        Some(value) => {
            let at = value.as_str().and_then(time::from_text).filter(|at| *at > now);
            if at.is_none() {
                faults.note("expires_at", "invalid_time", "`expires_at` must be RFC 3339 and in the future, or null.");
            }
            at
        }
    };
    let faults = faults.in_body("");
    if faults.is_empty() { Ok(NewKey { label, owner, scopes, sources, expires_at }) } else { Err(faults) }
}

fn text(given: &Given, faults: &mut Faults) -> String {
    let text = given.not_null().and_then(Value::as_str).and_then(name_of_key);
    if text.is_none() {
        let detail = format!("`{}` must be a text of 1 to {MAX_NAME_CHARS} characters.", given.name);
        faults.note(given.name, "invalid_text", detail);
    }
    text.unwrap_or_default().to_owned()
}

/// Reads a list of texts with at least one.
fn texts(given: &Given, faults: &mut Faults) -> Option<Vec<String>> {
    let list = given.not_null().and_then(Value::as_array).filter(|list| !list.is_empty());
    let texts: Option<Vec<String>> =
        list.and_then(|list| list.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect());
    if texts.is_none() {
        faults.note(given.name, "empty_list", format!("`{}` must be a list of at least one text.", given.name));
    }
    texts
}

fn overlap(body: &Value) -> Result<TimeDelta, Vec<Fault>> {
    let (mut faults, nothing) = (Faults::default(), Map::new());
    let object = body.as_object().unwrap_or(&nothing);
    faults.note_unknown_fields(object, RotationBody::FIELDS);
    let body = RotationBody::of(object, "");
    let hours = body.overlap_hours.not_null().map_or(Some(DEFAULT_OVERLAP_HOURS), Value::as_i64);
    let hours = hours.filter(|hours| (0..=MAX_OVERLAP_HOURS).contains(hours));
    if hours.is_none() {
        faults.note("overlap_hours", "out_of_range", format!("`overlap_hours` must be 0 to {MAX_OVERLAP_HOURS}."));
    }
    let faults = faults.in_body("");
    hours.filter(|_| faults.is_empty()).map(TimeDelta::hours).ok_or(faults)
}
