//! Parts of a path: the number of a session, a backfill, an erasure or a rejected record, and the slug of a source.
//!
//! They have extractors of their own, because axum's own rejection is a plain text with another status: a number that
//! is none is a fault like that of any parameter, and a slug that is none is the slug of no source.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::api::parameters::Faults;
use crate::api::problem::ApiError;

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident($parameter:literal, $detail:literal);)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name(pub(crate) i64);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                if let Ok(Path(number)) = Path::<i64>::from_request_parts(parts, state).await {
                    return Ok(Self(number));
                }
                let mut faults = Faults::default();
                faults.note($parameter, "not_a_number", $detail);
                Err(faults.into_error())
            }
        }
    )+};
}

numbers! {
    /// The number of a session.
    SessionId(
        "session_id",
        "A session_id is a whole number; to find a session by its provider id, use provider_session_id."
    );
    /// The number of a backfill.
    BackfillId("backfill_id", "A backfill_id is a whole number; `/v1/sync/backfills` lists them.");
    /// The number of an erasure.
    ErasureId("erasure_id", "An erasure_id is a whole number; /v1/people/erasures lists them.");
    /// The number of a rejected record.
    RejectId("reject_id", "A reject_id is a whole number; /v1/sync/rejections lists them.");
}

/// The slug of a source, or the name of something else. A text that cannot be read is the name of nothing.
#[derive(Debug)]
pub(crate) struct PathName(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let slug = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(slug.map(|Path(slug)| slug).unwrap_or_default()))
    }
}
