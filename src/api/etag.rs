//! Entity tags: unchanged responses are not sent twice.
//!
//! A tag is made from the query and from everything in the catalog that the response depends on. So it is known
//! before the response is computed, and an unchanged response costs one small look-up. The current time is part
//! of the tag only where the response depends on it, truncated to the minute.

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::api::problem::ApiError;
use crate::query::catalog::Catalog;

/// Longest time for which a client may reuse a response without revalidation, seconds.
pub(crate) const MAX_AGE_SECONDS: i64 = 15;
/// The same, before the layer of the memory shortens it.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=15");

/// The weak entity tag of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag {
    text: String,
    is_brief: bool,
    is_of_replica: bool,
}

/// An extension of a response that time alone may change before its minute is over: it is not kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brief;

impl EntityTag {
    /// Returns the tag of the response to `question` for this catalog. `question` must name all that the
    /// response depends on besides the catalog.
    pub(crate) fn of(catalog: &Catalog, question: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(catalog.fingerprint());
        hash.update(question);
        let digits = BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..12]);
        let text = format!("W/\"{}.{digits}\"", catalog.data_version());
        Self { text, is_brief: false, is_of_replica: catalog.replica_as_of.is_some() }
    }

    /// Returns the tag of a response that is known already.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        let digits = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..12]);
        Self { text: format!("W/\"{digits}\""), is_brief: false, is_of_replica: false }
    }

    /// Returns the tag of a value.
    pub(crate) fn of_value(value: &impl Serialize) -> Result<Self, ApiError> {
        let bytes = serde_json::to_vec(value);
        let bytes = bytes.map_err(|error| ApiError::Panicked(format!("a response cannot be written: {error}")))?;
        Ok(Self::of_body(&bytes))
    }

    /// Returns a JSON response with the tag of its body, or 304 where the caller holds it.
    pub(crate) fn respond(headers: &HeaderMap, is_brief: bool, body: &impl Serialize) -> Response {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self::of_body(&bytes).brief_if(is_brief).respond_with(headers, bytes.into()),
            Err(error) => ApiError::Panicked(format!("a response cannot be written: {error}")).into_response(),
        }
    }

    /// Returns a JSON response of these bytes, or 304 where the caller holds it.
    pub(crate) fn respond_with(&self, headers: &HeaderMap, bytes: Bytes) -> Response {
        if self.is_held_by(headers) {
            return self.not_modified();
        }
        self.mark(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response())
    }

    /// Says whether time alone may change the response before its minute is over.
    pub(crate) fn brief_if(self, is_brief: bool) -> Self {
        Self { is_brief, ..self }
    }

    /// Returns whether time alone may change the response before its minute is over.
    pub(crate) fn is_brief(&self) -> bool {
        self.is_brief
    }

    /// Returns the key of the response in memory: a request to the primary shares no failure of the replica.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.text, self.is_of_replica)
    }

    /// Returns the tag as a header's value.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the caller already holds this response.
    pub(crate) fn is_held_by(&self, headers: &HeaderMap) -> bool {
        is_held(headers, &self.text)
    }

    /// Returns a 304 response. Its `Vary` is that of the full response: all tagged responses have several forms.
    pub(crate) fn not_modified(&self) -> Response {
        let mut response = self.mark(StatusCode::NOT_MODIFIED.into_response());
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        response
    }

    /// Returns a JSON response with its tag.
    pub(crate) fn answer(&self, body: impl Serialize) -> Response {
        self.mark(Json(body).into_response())
    }

    /// Adds the tag to a finished response.
    pub(crate) fn mark(&self, mut response: Response) -> Response {
        if let Ok(tag) = HeaderValue::from_str(&self.text) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, CACHE_CONTROL);
        if self.is_brief {
            response.extensions_mut().insert(Brief);
        }
        response
    }
}

/// Returns whether the sender of these headers holds the response with this tag.
pub(crate) fn is_held(headers: &HeaderMap, held: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || weak(tag) == weak(held))
}

/// Strips the weakness mark of a tag: weak comparison looks at the rest.
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}
