//! The key that a request carries.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::api::access::policy::API_KEY;
use crate::api::problem::AccessProblem;

/// Returns the key of a request.
pub(super) fn credential(headers: &HeaderMap) -> Result<String, AccessProblem> {
    let text = |value: &HeaderValue| value.to_str().ok().map(|text| text.trim().to_owned());
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        let value = text(value)?;
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    let named = headers.get(API_KEY).map(text);
    match (bearer, named) {
        (None, None) => Err(AccessProblem::NoKey),
        (Some(Some(key)), None) | (None, Some(Some(key))) => Ok(key),
        (Some(Some(one)), Some(Some(other))) if one == other => Ok(one),
        _ => Err(AccessProblem::UnusableKey),
    }
}
