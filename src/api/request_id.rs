//! The id of a request: taken from the caller or made here, in the log, in problems and on the answer.
//!
//! It is the outermost layer, so that whatever leaves the process has one. Problems get their body here,
//! because only here is the id known.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::api::problem::Reported;

/// The header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Longest id taken from a caller, characters.
const MAX_CHARS: usize = 128;

/// The id of the request at hand.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Gives the request its id, and the answer too.
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

/// It goes into logs: printable, without spaces, and not long.
fn is_usable(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_CHARS && id.bytes().all(|byte| byte.is_ascii_graphic())
}
