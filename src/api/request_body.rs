//! The bytes of a request's body, with a limit of size and of time: a caller that sends a byte now and then must not
//! keep a request open.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Extensions, HeaderMap, HeaderValue, header};

use crate::api::problem::{ActionProblem, ApiError};

/// Longest time that a whole body may take; an extension of each request that comes over a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyWithin(pub(crate) Duration);

/// Returns whether the body is declared as JSON; `None`: it is not declared. A coded body, such as gzip, is none.
pub(crate) fn is_json(headers: &HeaderMap) -> Option<bool> {
    let is_coded = |coding: &HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(is_coded) {
        return Some(false);
    }
    let declared = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default();
    Some(essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads a whole body.
pub(crate) async fn read(body: Body, extensions: &Extensions, max_bytes: usize) -> Result<Bytes, ApiError> {
    let within = extensions.get().map_or(Duration::MAX, |BodyWithin(within)| *within);
    let bytes = tokio::time::timeout(within, to_bytes(body, max_bytes)).await;
    let bytes = bytes.map_err(|_| ActionProblem::TooSlow { within })?;
    Ok(bytes.map_err(|_| ActionProblem::TooLarge { max_bytes })?)
}
