//! A body of JSON that asks and starts nothing.
//!
//! It must be declared as what it is; a page of another origin may send it, since the answer is kept from that page.
//! What is in it is read elsewhere.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde_json::Value;

use crate::api::parameters::{Faults, Place};
use crate::api::problem::{ActionProblem, ApiError};

/// Largest body: a question names at most some hundred values.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A body of JSON.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let declared =
            parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = declared.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ActionProblem::NotJson.into());
        }
        let bytes = to_bytes(body, MAX_BODY_BYTES).await;
        let bytes = bytes.map_err(|_| ActionProblem::TooLarge { max_bytes: MAX_BODY_BYTES })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let mut faults = Faults::default();
            // the parser's words may quote the body
            let detail = format!("The body is no JSON: line {}, column {}.", error.line(), error.column());
            faults.note(Place::Pointer(String::new()), "not_json", detail);
            faults.into_error()
        })
    }
}
