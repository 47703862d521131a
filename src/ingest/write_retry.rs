//! Retries of writes while the database is unavailable: only writes that may safely be repeated.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::db::DatabaseTrouble;
use crate::ingest::poller::{Poller, Source};
use crate::store::StoreError;

/// How long a write is retried.
const RETRY_FOR: Duration = Duration::from_secs(20);
/// The first wait is drawn between zero and this; the bound doubles each time.
const FIRST_WRITE_WAIT: Duration = Duration::from_millis(150);
/// Upper bound of any single wait.
const LONGEST_WRITE_WAIT: Duration = Duration::from_secs(8);

/// Retries a write while the database is unavailable, unless `stop` is cancelled.
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
        let written = write().await;
        if written.as_ref().is_err_and(|error| DatabaseTrouble::of(error) == Some(DatabaseTrouble::DiskFull)) {
            poller.writes.note_space(true);
        }
        let error = match written {
            Err(error) if error.is_transient() && started.elapsed() < RETRY_FOR => error,
            other => return other,
        };
        tracing::warn!(source = %source.slug, cause = error.cause(), "the database is unavailable, retrying");
        cap = cap.saturating_mul(2).min(LONGEST_WRITE_WAIT);
        tokio::select! {
            // a cancelled caller does not wait for the database
            () = stop.cancelled() => return Err(error),
            () = tokio::time::sleep(cap.mul_f64(poller.dice.unit())) => {}
        }
    }
}
