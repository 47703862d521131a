//! The session number in a path.
//!
//! It has its own extractor, because axum's own rejection is a plain text with another status; here it is a
//! fault like that of any parameter.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::api::parameters::Faults;
use crate::api::problem::ApiError;

/// The number of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionId(pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for SessionId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if let Ok(Path(session_id)) = Path::<i64>::from_request_parts(parts, state).await {
            return Ok(Self(session_id));
        }
        let mut faults = Faults::default();
        faults.note(
            "session_id",
            "not_a_number",
            "A session_id is a whole number; to find a session by its provider id, use provider_session_id.",
        );
        faults.refuse().map(|()| Self(0))
    }
}
