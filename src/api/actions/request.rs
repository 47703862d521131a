//! A request that may start something: where it comes from, its idempotency key, its body.
//!
//! A web page in a browser on this network could post to the service. A browser states where a page comes from
//! (`Origin`, `Sec-Fetch-Site`) and lets a foreign page send JSON only after a preflight request, which is granted to
//! configured origins alone. A body that is declared as something else, as forms declare theirs, is refused.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::access::caller::Caller;
use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::parameters::{Faults, pointer_to};
use crate::api::problem::{ActionProblem, ApiError, Fault};
use crate::api::request_body;
use crate::api::request_id::RequestId;
use crate::model::action::ActionKind;
use crate::store::action::KeyHashes;
use crate::store::operation::Operator;

/// Name of the idempotency key header.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest key, characters.
const MAX_KEY_CHARS: usize = 255;
/// Largest body, bytes. A knowledge base can be several pages of text.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// A request that may start something.
pub(crate) struct ActionRequest {
    /// The JSON body; null where the body is empty.
    pub(crate) body: Value,
    /// The caller: its address, and its key if it needs one.
    pub(crate) requested_by: String,
    /// The id of the request.
    pub(crate) request_id: String,
    key: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for ActionRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let host = parts.extensions.get::<Arrival>().and_then(|arrival| arrival.host.as_deref());
        let policy = parts.extensions.get::<Arc<AccessPolicy>>();
        if !policy.is_some_and(|policy| policy.is_permitted_origin(&parts.headers, host)) {
            return Err(ActionProblem::CrossSite.into());
        }
        let is_json = request_body::is_json(&parts.headers);
        if is_json == Some(false) {
            return Err(ActionProblem::NotJson.into());
        }
        let key = idempotency_key(&parts.headers)?;
        let bytes = request_body::read(body, &parts.extensions, MAX_BODY_BYTES).await?;
        let body = match bytes.trim_ascii() {
            [] => Value::Null,
            _ if is_json.is_none() => return Err(ActionProblem::NotJson.into()),
            _ => read_json(&bytes)?,
        };
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self { body, requested_by: caller.name, request_id: request_id.unwrap_or_default(), key })
    }
}

impl ActionRequest {
    /// Returns the caller as the operator of a command.
    pub(crate) fn operator(&self) -> Operator {
        Operator { requested_by: self.requested_by.clone(), request_id: Some(self.request_id.clone()) }
    }

    /// Refuses a body that is not empty, for calls that take no fields.
    pub(crate) fn refuse_content(&self) -> Result<(), ApiError> {
        let faults = match &self.body {
            Value::Null => Vec::new(),
            Value::Object(map) => {
                map.keys().map(|_| body_fault("", "unknown_field", "This call takes no fields.")).collect()
            }
            _ => vec![body_fault("", "wrong_type", "The body must be empty or an object.")],
        };
        if faults.is_empty() { Ok(()) } else { Err(ApiError::InvalidBody(faults)) }
    }

    /// Returns the key and the request as hashes. The second is salted with the key, which is stored nowhere,
    /// so that the content of a request cannot be guessed by trial.
    pub(super) fn key_hashes(&self, kind: ActionKind, session_id: Option<i64>) -> Option<KeyHashes> {
        let key = self.key.as_deref()?;
        let mut body = self.body.clone();
        body.sort_all_objects();
        let request = serde_json::json!([key, kind.as_str(), session_id, body]);
        Some(KeyHashes { key: Sha256::digest(key).to_vec(), request: Sha256::digest(request.to_string()).to_vec() })
    }
}

fn read_json(bytes: &[u8]) -> Result<Value, ApiError> {
    let body = serde_json::from_slice(bytes).map_err(|error| {
        // the parser's message may quote the body
        let detail = format!("The body is not valid JSON: line {}, column {}.", error.line(), error.column());
        ApiError::InvalidBody(vec![body_fault("", "not_json", &detail)])
    })?;
    let mut faults = Vec::new();
    note_unstorable(&body, "", &mut faults);
    if faults.is_empty() { Ok(body) } else { Err(ApiError::InvalidBody(faults)) }
}

/// Notes each text with the character 0, which Postgres stores in no text.
fn note_unstorable(value: &Value, pointer: &str, faults: &mut Vec<Fault>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            faults.push(body_fault(pointer, "invalid_text", "A text must not contain the character U+0000."));
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                note_unstorable(item, &format!("{pointer}/{place}"), faults);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                note_unstorable(field, &pointer_to(pointer, name), faults);
            }
        }
        _ => {}
    }
}

/// Creates a fault at this pointer of the body.
pub(crate) fn body_fault(pointer: &str, code: &'static str, detail: &str) -> Fault {
    let (pointer, detail) = (Some(pointer.to_owned()), detail.to_owned());
    Fault { parameter: String::new(), pointer, code, detail, allowed: Vec::new(), did_you_mean: Vec::new() }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let is_usable =
        |key: &&str| !key.is_empty() && key.len() <= MAX_KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_graphic());
    if let (Some(key), None) = (key.to_str().ok().filter(is_usable), given.next()) {
        return Ok(Some(key.to_owned()));
    }
    let mut faults = Faults::default();
    let detail = format!("Give one Idempotency-Key, with 1 to {MAX_KEY_CHARS} visible ASCII characters.");
    faults.note("Idempotency-Key", "invalid_key", detail);
    faults.refuse().map(|()| None)
}
