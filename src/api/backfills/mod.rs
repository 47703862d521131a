//! Backfills over HTTP.
//!
//! They are started on the command line; here they are watched, paused and resumed. Every change is
//! recorded in the journal of operations, and a page of another origin may change nothing.

pub(crate) mod list;
pub(crate) mod one;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::api::parameters::Faults;
use crate::api::problem::ApiError;

/// The number of a backfill in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackfillId(pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for BackfillId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if let Ok(Path(backfill_id)) = Path::<i64>::from_request_parts(parts, state).await {
            return Ok(Self(backfill_id));
        }
        let mut faults = Faults::default();
        let detail = "A backfill_id is a whole number; `/v1/sync/backfills` lists them.";
        faults.note("backfill_id", "not_a_number", detail);
        faults.refuse().map(|()| Self(0))
    }
}
