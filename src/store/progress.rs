//! Progress of a run, and how often it is written.
//!
//! A run has one row and many pages, so progress is written at most once a second, within the transaction of a page,
//! and at the end of the run. Nothing depends on it: windows and positions are written with their pages.

use std::ops::AddAssign;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::store::StoreError;

/// Interval of writing the progress of a run.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// What one page, or one artifact of a session, adds to its run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records the provider sent.
    pub record_count: i64,
    /// Sessions stored for the first time.
    pub inserted_count: i64,
    /// Sessions that changed.
    pub updated_count: i64,
    /// Sessions that were stored unchanged.
    pub unchanged_count: i64,
    /// Records that could not be normalized.
    pub rejected_count: i64,
}

impl AddAssign for Progress {
    fn add_assign(&mut self, more: Self) {
        self.record_count += more.record_count;
        self.inserted_count += more.inserted_count;
        self.updated_count += more.updated_count;
        self.unchanged_count += more.unchanged_count;
        self.rejected_count += more.rejected_count;
    }
}

/// Counts of a run so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pages saved.
    pub page_count: u64,
    /// Records on these pages.
    pub progress: Progress,
}

impl Tally {
    /// Returns the counts with one page more.
    #[must_use]
    pub fn with(mut self, page: &Progress) -> Self {
        self.page_count += 1;
        self.progress += *page;
        self
    }
}

/// Decides when to write the progress of a run: with the first page, then at most once a second.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Whether progress is to be written now.
    pub fn is_due(&self) -> bool {
        let noted_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted_at.is_none_or(|at| at.elapsed() >= NOTED_EVERY)
    }

    /// Notes that it was written just now.
    pub fn keep(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// Writes the counts of a run so far, within the transaction of a page. The heartbeat shows that the run is alive.
pub(super) async fn note(
    tx: &mut PgConnection,
    run_id: i64,
    tally: &Tally,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Tally { page_count, progress } = tally;
    sqlx::query!(
        "update ingest.runs
            set heartbeat_at = $2, page_count = $3, record_count = $4, inserted_count = $5, updated_count = $6,
                unchanged_count = $7, rejected_count = $8
          where run_id = $1",
        run_id,
        now,
        i32::try_from(*page_count).unwrap_or(i32::MAX),
        progress.record_count,
        progress.inserted_count,
        progress.updated_count,
        progress.unchanged_count,
        progress.rejected_count,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting pages"))?;
    Ok(())
}
