//! One run: what it holds, how it fetches and saves, how it ends.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::connector::error::PullError;
use crate::failpoint;
use crate::ingest::artifact::PlannedStream;
use crate::ingest::keeper::LeaseKeeper;
use crate::ingest::verdict::{self, Halt};
use crate::ingest::{Poller, RunSummary, Source};
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::time::Window;
use crate::store::artifact::SessionStream;
use crate::store::hold::Hold;
use crate::store::lease::Lease;
use crate::store::page::{self, SaveContext};
use crate::store::run::{self as journal, Progress};
use crate::store::window::{self, Finding};
use crate::store::{StoreError, statistics, window as windows};

/// How long a write waits for a database that is away.
const WRITE_PATIENCE: Duration = Duration::from_secs(20);
/// Waits between them are drawn from zero to this, doubled each time.
const FIRST_WRITE_WAIT: Duration = Duration::from_millis(150);
/// No single wait is drawn from more than this.
const LONGEST_WRITE_WAIT: Duration = Duration::from_secs(8);

/// Cuts of doubtful windows in one run; the next run goes on where this one stopped.
const MAX_CUTS: u32 = 6;

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) poller: &'a Poller,
    pub(super) source: &'a Source,
    pub(super) lease: Lease,
    pub(super) id: i64,
    pub(super) page_count: u64,
    pub(super) progress: Progress,
    /// The provider's own count, over the windows that gave one.
    pub(super) provider_total: Option<i64>,
    /// Distinct records, over all windows.
    pub(super) distinct_count: i64,
    /// What could not be proven, a sentence each.
    pub(super) doubts: Vec<String>,
    /// How often a window that cannot be proven may still be cut in this run.
    pub(super) cuts_left: u32,
    /// Windows left out because they could not be read.
    pub(super) spared_windows: u32,
    /// A part of a window held less than the whole: the provider's time filter works.
    pub(super) filter_works: bool,
    /// What is enlisted for each session that is saved.
    session_streams: Vec<SessionStream>,
    keeper: LeaseKeeper,
}

impl<'a> Run<'a> {
    pub(super) async fn start(
        poller: &'a Poller,
        source: &'a Source,
        lease: Lease,
        target: &Window,
    ) -> Result<Self, StoreError> {
        let run_id = journal::start(&poller.pool, &lease, target, poller.clock.now()).await?;
        tracing::debug!(source = %source.slug, run_id, window = %target, "run started");
        Ok(Self {
            poller,
            source,
            lease,
            id: run_id,
            page_count: 0,
            progress: Progress::default(),
            provider_total: None,
            distinct_count: 0,
            doubts: Vec::new(),
            cuts_left: MAX_CUTS,
            spared_windows: 0,
            filter_works: false,
            session_streams: source.session_streams.iter().map(PlannedStream::listed).collect(),
            keeper: LeaseKeeper::start(&poller.pool, lease),
        })
    }

    /// Fetches a page, unless the service is told to stop first.
    pub(super) async fn fetch(
        &self,
        window: &Window,
        cursor: Option<&Cursor>,
        now: DateTime<Utc>,
    ) -> Result<Page, Halt> {
        let request = PageRequest { window, cursor, now };
        let page = self.unless_stopped(self.source.connector.fetch_page(self.lease.stream, request)).await;
        failpoint::reach("page.after_fetch");
        page
    }

    pub(super) async fn unless_stopped<T>(&self, call: impl Future<Output = Result<T, PullError>>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.poller.stop.cancelled() => Err(Halt::Cancelled),
            () = self.keeper.lapsed() => Err(Halt::Store(self.lease.lost())),
            answer = call => answer.map_err(Halt::Pull),
        }
    }

    /// Saves a page; waits for a database that is away. Saving twice is harmless, so a commit whose
    /// outcome is unknown is simply repeated.
    pub(super) async fn save(&self, page: &Page, finding: Option<&Finding>) -> Result<Progress, Halt> {
        let now = self.poller.clock.now();
        let context = SaveContext {
            hold: &Hold::Lease(self.lease),
            run_id: self.id,
            source_slug: self.source.slug.as_str(),
            person_key: &self.poller.person_key,
            session_streams: &self.session_streams,
            fetched_at: now,
            now,
        };
        let pool = &self.poller.pool;
        self.persist(|| page::save(pool, &context, page, finding)).await.map_err(Halt::Store)
    }

    pub(super) async fn deny(&mut self, finding: &Finding) -> Result<(), Halt> {
        let (pool, now, hold) = (&self.poller.pool, self.poller.clock.now(), Hold::Lease(self.lease));
        let denied = self.persist(|| window::deny(pool, &hold, finding, self.id, now)).await;
        denied.map_err(Halt::Store)
    }

    /// Counts what a page added.
    pub(super) async fn count(&mut self, saved: &Progress) {
        let before = self.progress;
        self.page_count += 1;
        self.progress.record_count += saved.record_count;
        self.progress.inserted_count += saved.inserted_count;
        self.progress.updated_count += saved.updated_count;
        self.progress.unchanged_count += saved.unchanged_count;
        self.progress.rejected_count += saved.rejected_count;
        if statistics::are_due(&before, &self.progress)
            && let Err(error) = statistics::refresh(&self.poller.pool).await
        {
            tracing::debug!(error = ?error, "statistics stay as they are");
        }
    }

    async fn persist<T, F, W>(&self, write: W) -> Result<T, StoreError>
    where
        W: Fn() -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let started = tokio::time::Instant::now();
        let mut cap = FIRST_WRITE_WAIT;
        loop {
            // whoever slept past its lease does not have to be told that it is somebody else's
            if !self.keeper.is_trusted() {
                return Err(self.lease.lost());
            }
            let error = match write().await {
                Err(error) if error.is_transient() && started.elapsed() < WRITE_PATIENCE => error,
                other => return other,
            };
            tracing::warn!(source = %self.source.slug, cause = error.cause(), "the database is away, trying again");
            cap = cap.saturating_mul(2).min(LONGEST_WRITE_WAIT);
            tokio::select! {
                // whoever wants us to stop does not want to wait for a database
                () = self.poller.stop.cancelled() => return Err(error),
                () = tokio::time::sleep(cap.mul_f64(self.poller.dice.unit())) => {}
            }
        }
    }

    /// Ends the run: verdict, journal, lease. Where the journal cannot be written, the next run closes this
    /// one; what is known of it is told all the same.
    pub(super) async fn finish(self, outcome: Result<(), Halt>) -> RunSummary {
        // a run that has waited for the database already does not wait again
        let has_waited = matches!(outcome, Err(Halt::Store(_)));
        let mut finish = verdict::judge(&self, outcome);
        let now = self.poller.clock.now();
        let pool = &self.poller.pool;
        let write = || journal::finish(pool, &self.lease, self.id, &finish, now);
        // the journal is this run's own, whoever has the lease
        let is_final = has_waited || !self.keeper.is_trusted();
        let written = if is_final { write().await } else { self.persist(write).await };
        if let Err(error) = written {
            finish = verdict::judge(&self, Err(Halt::Store(error)));
        }
        let complete_through = windows::complete_through(pool, self.lease.source_id, self.lease.stream).await;
        let complete_through = complete_through.ok().flatten();
        let summary = RunSummary {
            run_id: self.id,
            verdict: finish.verdict,
            reason: finish.reason,
            error: finish.error,
            page_count: self.page_count,
            progress: self.progress,
            complete_through,
            parked_until: finish.parked_until,
        };
        self.log(&summary, now);
        summary
    }

    fn log(&self, summary: &RunSummary, now: DateTime<Utc>) {
        let lag_seconds = summary.complete_through.map(|through| (now - through).num_seconds());
        tracing::info!(
            source = %self.source.slug,
            stream = %self.lease.stream,
            run_id = summary.run_id,
            verdict = summary.verdict.as_str(),
            reason = summary.reason,
            pages = summary.page_count,
            inserted = summary.progress.inserted_count,
            updated = summary.progress.updated_count,
            unchanged = summary.progress.unchanged_count,
            rejected = summary.progress.rejected_count,
            lag_seconds,
            "run ended"
        );
    }
}
