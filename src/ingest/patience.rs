//! Waiting for a database that is away: only writes that may safely be repeated.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ingest::{Poller, Source};
use crate::store::StoreError;

/// How long a write waits for a database that is away.
const WRITE_PATIENCE: Duration = Duration::from_secs(20);
/// Waits between them are drawn from zero to this, doubled each time.
const FIRST_WRITE_WAIT: Duration = Duration::from_millis(150);
/// No single wait is drawn from more than this.
const LONGEST_WRITE_WAIT: Duration = Duration::from_secs(8);

/// Tries a write again while the database is away, unless `stop` is cancelled.
pub(super) async fn persist<T, F, W>(
    poller: &Poller,
    source: &Source,
    stop: &CancellationToken,
    write: W,
) -> Result<T, StoreError>
where
    W: Fn() -> F,
    F: Future<Output = Result<T, StoreError>>,
{
    let started = tokio::time::Instant::now();
    let mut cap = FIRST_WRITE_WAIT;
    loop {
        let error = match write().await {
            Err(error) if error.is_transient() && started.elapsed() < WRITE_PATIENCE => error,
            other => return other,
        };
        tracing::warn!(source = %source.slug, cause = error.cause(), "the database is away, trying again");
        cap = cap.saturating_mul(2).min(LONGEST_WRITE_WAIT);
        tokio::select! {
            // whoever wants us to stop does not want to wait for a database
            () = stop.cancelled() => return Err(error),
            () = tokio::time::sleep(cap.mul_f64(poller.dice.unit())) => {}
        }
    }
}
