//! A request that may start something: where it comes from, its idempotency key, its body.
//!
//! The service does not authenticate callers on a loopback address, so any web page in a browser on this
//! machine could post to it. A browser states where a page comes from (`Origin`, `Sec-Fetch-Site`) and lets a
//! foreign page send JSON only after a preflight request, which is never granted here. A foreign host name that
//! points at a loopback address counts as foreign too.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequest, Request};
use axum::http::{HeaderMap, Uri, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::parameters::Faults;
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
    /// Address of the caller.
    pub(crate) requested_by: String,
    /// The id of the request.
    pub(crate) request_id: String,
    key: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for ActionRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if !is_own_origin(&parts.headers) {
            return Err(ActionProblem::CrossSite.into());
        }
        if !is_json(&parts.headers) {
            return Err(ActionProblem::NotJson.into());
        }
        let key = idempotency_key(&parts.headers)?;
        let bytes = request_body::read(body, &parts.extensions, MAX_BODY_BYTES).await?;
        let body = if bytes.trim_ascii().is_empty() { Value::Null } else { read_json(&bytes)? };
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self {
            body,
            requested_by: peer.map_or_else(|| "unknown".to_owned(), |peer| peer.0.to_string()),
            request_id: request_id.unwrap_or_default(),
            key,
        })
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
    serde_json::from_slice(bytes).map_err(|error| {
        // the parser's message may quote the body
        let detail = format!("The body is not valid JSON: line {}, column {}.", error.line(), error.column());
        ApiError::InvalidBody(vec![body_fault("", "not_json", &detail)])
    })
}

/// Creates a fault at this pointer of the body.
pub(crate) fn body_fault(pointer: &str, code: &'static str, detail: &str) -> Fault {
    let (pointer, detail) = (Some(pointer.to_owned()), detail.to_owned());
    Fault { parameter: String::new(), pointer, code, detail, allowed: Vec::new(), did_you_mean: Vec::new() }
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Returns whether no page of another origin sent this: it has no page, or a page served by this service on loopback.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let is_own_site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let Some(origin) = headers.get(header::ORIGIN) else { return is_own_site };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let Some(authority) = origin.as_ref().and_then(Uri::authority) else { return false };
    is_own_site
        && is_loopback(authority.host())
        && host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str()))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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
