//! Closing hours, in each process that serves, until it stops: pollers may be elsewhere, and poll by the command line.
//!
//! Answers do not depend on it; [`crate::store::closed_hours`] says why. A failure makes questions slower, and is
//! tried again.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::store::closed_hours::close;

/// Interval at which the hours of changed sessions are closed again.
const EVERY: Duration = Duration::from_secs(30);

/// Closes hours until stopped.
pub(super) async fn keep_closed(pool: PgPool, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match close(&pool).await {
            Ok(Some(ranges)) => tracing::debug!(ranges, "closed hours"),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(cause = error.cause(), "hours could not be closed; questions read more sessions");
            }
        }
    }
}
