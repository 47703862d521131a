//! Health of the service and of its polling: three endpoints for three readers.
//!
//! `/healthz` is for the supervisor that restarts the process, `/readyz` for the load balancer that sends it
//! requests, and `/v1/health/pollers` for people and alarms.

mod check_list;
pub(crate) mod pollers;
pub(crate) mod process;
pub(crate) mod readiness;

use std::pin::pin;
use std::time::Duration;

use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::db::DatabaseTrouble;
use crate::query::ReadError;
use crate::query::pollers::Criteria;

/// Returns the result of a probe, or why the database does not respond within `limit`.
pub(crate) async fn probe<T>(
    state: &ApiState,
    limit: Duration,
    read: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ApiError> {
    let mut read = pin!(read);
    let trouble = match tokio::time::timeout(limit, read.as_mut()).await {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => match DatabaseTrouble::of(&error) {
            // a pool tries until its timeout, and does not say why
            Some(DatabaseTrouble::Slow) => DatabaseTrouble::ask(&state.probes).await,
            Some(trouble) => trouble,
            None => return Err(error.into()),
        },
        Err(_) => {
            // before the statement is dropped, so that it ends on the server too
            state.departures.note();
            DatabaseTrouble::ask(&state.probes).await
        }
    };
    Err(ApiError::NotReady(trouble.sentence()))
}

/// Returns what the health of this process's pollers is judged by.
pub(crate) fn criteria(state: &ApiState) -> Criteria {
    Criteria {
        now: state.clock.now(),
        is_set_by_hand: state.clock.is_set_by_hand(),
        stalled_after: state.health.stalled_after,
        advice: state.error_advice,
        write_trouble: state.writes.trouble(),
        replica: state.replica.health(),
    }
}
