//! Answers that need not be sent twice.
//!
//! A tag stands for the question and for everything in the catalog an answer depends on, so it is known
//! before the question is worked out: an unchanged answer costs one small look-up. The present belongs to
//! it only where the answer depends on it, cut to the minute.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::query::catalog::Catalog;

/// How long a reader may keep an answer without asking, seconds.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=15");

/// The weak entity tag of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag of the answer to `question`, as the catalog stands. The question must name all that the answer
    /// depends on besides the catalog.
    pub(crate) fn of(catalog: &Catalog, question: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(catalog.fingerprint());
        hash.update(question);
        let digits = BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..12]);
        Self(format!("W/\"{}.{digits}\"", catalog.data_version()))
    }

    /// Whether the caller has this answer already.
    pub(crate) fn is_held_by(&self, headers: &HeaderMap) -> bool {
        let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || weak(tag) == weak(&self.0))
    }

    /// "You have it." It varies by what the answer itself would: all that have a tag have several forms.
    pub(crate) fn not_modified(&self) -> Response {
        let mut response = self.mark(StatusCode::NOT_MODIFIED.into_response());
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        response
    }

    /// The answer with its tag.
    pub(crate) fn answer(&self, body: impl Serialize) -> Response {
        self.mark(Json(body).into_response())
    }

    /// An answer that is written already, with its tag.
    pub(crate) fn mark(&self, mut response: Response) -> Response {
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, CACHE_CONTROL);
        response
    }
}

/// A tag without its mark of weakness: weak comparison looks at the rest.
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}
