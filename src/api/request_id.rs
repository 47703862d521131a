//! The id of a request: taken from the caller or created here; it is in the log, in problems and in the response.
//!
//! This is the outermost layer, so that everything that leaves the process has an id. Problems get their body
//! here, because only here is the id known.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::api::problem::Reported;

/// Name of the header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Longest id taken from a caller, characters.
const MAX_CHARS: usize = 128;

/// The id of the current request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Adds an id to the request and to the response.
pub(crate) async fn identify(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_usable(id));
    let id = given.map_or_else(|| uuid::Uuid::new_v4().to_string(), ToOwned::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Some(reported) = response.extensions_mut().remove::<Reported>() {
        reported.finish(&id, &mut response);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Returns whether an id is fit for logs: printable, without spaces, and not long.
fn is_usable(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_CHARS && id.bytes().all(|byte| byte.is_ascii_graphic())
}
