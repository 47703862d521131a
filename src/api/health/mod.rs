//! Health of the service and of its polling: three endpoints for three readers.
//!
//! `/healthz` is for the supervisor that restarts the process, `/readyz` for the load balancer that sends it
//! requests, and `/v1/health/pollers` for people and alarms.

pub(crate) mod pollers;
pub(crate) mod process;
pub(crate) mod readiness;

use std::pin::pin;
use std::time::Duration;

use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::query::ReadError;

/// Returns the result of a probe, or that the database does not respond within `limit`.
pub(crate) async fn probe<T>(
    state: &ApiState,
    limit: Duration,
    read: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ApiError> {
    let mut read = pin!(read);
    if let Ok(found) = tokio::time::timeout(limit, read.as_mut()).await {
        return Ok(found?);
    }
    // before the statement is dropped, so that it ends on the server too
    state.departures.note();
    Err(ApiError::NotReady("The database does not respond in time."))
}
