//! One run: its state, and how it fetches, saves and ends.
//!
//! The run of a poll holds the lease of its stream and ends by writing the stream's facts. The run of a past unit
//! holds the claim on its unit and touches none of these facts; [`crate::ingest::backfill`] ends it.

mod begin;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connector::Connector;
use crate::connector::error::PullError;
use crate::failpoint;
use crate::ingest::account::AccountWitness;
use crate::ingest::clocks::Clocks;
use crate::ingest::lease_renewal::LeaseRenewal;
use crate::ingest::poller::{Poller, Source};
use crate::ingest::report::{Ended, run_ended};
use crate::ingest::verdict::{Halt, RunFacts, judge};
use crate::ingest::write_retry::persist;
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::artifact::task::SessionStream;
use crate::store::field_presence::{FieldBook, MissingField};
use crate::store::lease::Lease;
use crate::store::page::{self, SaveContext};
use crate::store::run::{self as journal, Finish, Pace, Progress, RunOutcome, Tally};
use crate::store::window::{self, Finding};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, server, window as windows};
use crate::telemetry::metrics;

/// Splits of doubtful windows in one poll; the next one continues where this one stopped.
const MAX_CUTS: u32 = 16;
/// Most ids kept for reporting.
const MAX_LISTED: usize = 100_000;

/// Summary of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Its number in the journal.
    pub run_id: i64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Pages saved.
    pub page_count: u64,
    /// Records in these pages.
    pub progress: Progress,
    /// Instant up to which the stream is now proven complete.
    pub complete_through: Option<DateTime<Utc>>,
}

/// The share of a run for rings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) last_page: u64,
    /// The next tick, when the present comes first again.
    pub(super) until: DateTime<Utc>,
}

/// A running run.
pub(super) struct Run<'a> {
    pub(super) poller: &'a Poller,
    pub(super) source: &'a Source,
    /// The connector: calls about the past have their own, with lower priority.
    connector: &'a dyn Connector,
    /// The right to write.
    pub(super) guard: WriteGuard,
    /// Cancelled when the run is to end after the page in flight.
    stop: CancellationToken,
    pub(super) id: i64,
    /// Start of the run.
    pub(super) began_at: DateTime<Utc>,
    pub(super) page_count: u64,
    pub(super) progress: Progress,
    /// Decides when to write the journal.
    pace: Pace,
    /// The provider's own count, over the windows that stated one.
    pub(super) provider_total: Option<i64>,
    /// Distinct records, over all windows.
    pub(super) distinct_count: i64,
    /// The documented fields that are usual in the stream, and those that its records have.
    pub(super) fields: FieldBook,
    /// Documented fields that records lack.
    pub(super) missing_fields: Vec<MissingField>,
    /// What could not be proven, a sentence each.
    pub(super) doubts: Vec<String>,
    /// Whether an empty list denied stored sessions.
    pub(super) is_denied: bool,
    /// Remaining splits of unproven windows in this run.
    pub(super) cuts_left: u32,
    /// Ranges that an operator accepts as unproven.
    pub(super) accepted: Vec<Window>,
    /// Windows left out because they could not be read.
    pub(super) spared_windows: u32,
    /// Whether a part of a window held less than the whole, which shows that the provider's time filter works.
    pub(super) filter_works: bool,
    /// Whether known ranges are read again: a range that cannot be proven this time keeps its earlier proof.
    pub(super) is_ring: bool,
    /// The share of this run for rings; `None`: no limit, or no rings.
    pub(super) share: Option<Share>,
    /// The listed ids, where missing sessions are to be reported.
    pub(super) listed: Option<HashSet<String>>,
    /// Detects whether the account is stored under another source.
    pub(super) account: AccountWitness,
    /// Streams enqueued for each saved session.
    session_streams: Vec<SessionStream>,
    renewal: LeaseRenewal,
    pub(super) clocks: Clocks,
}

impl Run<'_> {
    /// Switches to the past: calls of the lowest priority, and this share of the run.
    pub(super) fn use_backfill_connector(&mut self, share: Option<Share>) {
        self.connector = &*self.source.backfill_connector;
        self.is_ring = true;
        self.share = share;
        self.cuts_left = MAX_CUTS;
        self.spared_windows = 0;
    }

    fn stream(&self) -> Stream {
        self.guard.stream_key().stream
    }

    /// Fetches a page, unless the service is stopped first.
    pub(super) async fn fetch(
        &self,
        window: &Window,
        cursor: Option<&Cursor>,
        now: DateTime<Utc>,
    ) -> Result<Page, Halt> {
        let request = PageRequest { window, cursor, now };
        let asked_at = self.poller.clock.now();
        let page = self.unless_stopped(self.connector.fetch_page(self.stream(), request)).await?;
        failpoint::reach("page.after_fetch");
        Ok(Page { fetched_at: Some(asked_at), ..page })
    }

    pub(super) async fn unless_stopped<T>(&self, call: impl Future<Output = Result<T, PullError>>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Cancelled),
            () = self.renewal.lapsed() => Err(Halt::Store(self.guard.lost())),
            answer = call => answer.map_err(Halt::Pull),
        }
    }

    /// Saves a page; waits while the database is unavailable. Saving twice is harmless, so a commit whose outcome
    /// is unknown is repeated.
    pub(super) async fn save(&self, page: &Page, finding: Option<&Finding>) -> Result<Progress, Halt> {
        let now = self.poller.clock.now();
        let is_due = self.pace.is_due();
        let context = SaveContext {
            guard: &self.guard,
            run_id: self.id,
            tally: is_due.then(|| self.tally()),
            source_slug: &self.source.pseudonym_slug,
            person_key: &self.poller.person_key,
            session_streams: &self.session_streams,
            fields: &self.fields,
            fetched_at: page.fetched_at.unwrap_or(now),
            now,
        };
        let pool = &self.poller.pool;
        let began = Instant::now();
        let saved = self.persist(|| page::save(pool, &context, page, finding)).await.map_err(Halt::Store)?;
        metrics::observe_page(began.elapsed());
        if is_due {
            self.pace.keep();
        }
        Ok(saved)
    }

    /// Returns the counts so far.
    pub(super) fn tally(&self) -> Tally {
        Tally { page_count: self.page_count, progress: self.progress }
    }

    /// Marks a window as not proven. A past unit is marked itself, because the windows of the stream belong to the
    /// poll and keep their proof. A ring that is not read to its end stays due.
    pub(super) async fn deny(&mut self, finding: &Finding) -> Result<(), Halt> {
        if self.is_ring || matches!(self.guard, WriteGuard::Unit(_)) {
            return Ok(());
        }
        let (pool, now) = (&self.poller.pool, self.poller.clock.now());
        let denied = self.persist(|| window::deny(pool, &self.guard, finding, self.id, now)).await;
        denied.map_err(Halt::Store)
    }

    /// Keeps the ids of a page, where they are needed.
    pub(super) fn note(&mut self, page: &Page) {
        let Some(listed) = self.listed.as_mut().filter(|listed| listed.len() < MAX_LISTED) else { return };
        listed.extend(page.records.iter().map(|record| record.session.provider_session_id.as_str().to_owned()));
    }

    /// Counts the additions of a page.
    pub(super) async fn count(&mut self, saved: &Progress) {
        let before = self.progress;
        Tally { page_count: self.page_count, progress: self.progress } = self.tally().with(saved);
        if server::are_statistics_due(&before, &self.progress)
            && let Err(error) = server::refresh_statistics(&self.poller.pool, self.progress.inserted_count).await
        {
            tracing::debug!(error = ?error, "planner statistics were not refreshed");
        }
    }

    pub(super) async fn persist<T, F, W>(&self, write: W) -> Result<T, StoreError>
    where
        W: Fn() -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let trusted = || async {
            // a process that was suspended past its lease knows without asking that the lease is lost
            if self.renewal.is_trusted() { write().await } else { Err(self.guard.lost()) }
        };
        persist(self.poller, self.source, &self.stop, trusted).await
    }

    /// Returns the facts that decide its verdict, unless it was halted.
    pub(super) fn facts(&self) -> RunFacts<'_> {
        RunFacts {
            missing_fields: &self.missing_fields,
            doubts: &self.doubts,
            is_denied: self.is_denied,
            ..RunFacts::default()
        }
    }

    /// Returns its end, for the journal.
    pub(super) fn end(&self, outcome: RunOutcome) -> Finish {
        let (provider_total, distinct_count) = (self.provider_total, self.distinct_count);
        Finish { tally: self.tally(), outcome, provider_total, distinct_count, clocks: self.clocks.skews() }
    }

    /// Ends the run of a poll: verdict, journal, lease. Where the journal cannot be written, the next run closes
    /// this run; the summary is returned all the same.
    pub(super) async fn finish(self, lease: &Lease, outcome: Result<(), Halt>) -> RunSummary {
        // a run that has already waited for the database does not wait again
        let has_waited = matches!(outcome, Err(Halt::Store(_)));
        let mut finish = self.end(judge(&RunFacts { halt: outcome.as_ref().err(), ..self.facts() }));
        let now = self.poller.clock.now();
        let pool = &self.poller.pool;
        let write = || journal::finish(pool, lease, self.id, &finish, now);
        // the journal row belongs to this run, even if the lease is lost
        let is_final = has_waited || !self.renewal.is_trusted();
        let written = if is_final { write().await } else { self.persist(write).await };
        let was_well = match written {
            Ok(failures) => failures.map(|count| count <= 1),
            Err(error) => {
                finish.outcome = judge(&RunFacts { halt: Some(&Halt::Store(error)), ..self.facts() });
                None
            }
        };
        let complete_through = windows::complete_through(pool, lease.source_id, lease.stream).await;
        let complete_through = complete_through.ok().flatten();
        let has_become_stale = match complete_through {
            Some(through) => journal::has_become_stale(pool, self.id, through, now).await.unwrap_or_default(),
            None => false,
        };
        let summary = RunSummary {
            run_id: self.id,
            outcome: finish.outcome,
            page_count: self.page_count,
            progress: self.progress,
            complete_through,
        };
        run_ended(&Ended {
            source: self.source,
            stream: self.stream(),
            run_id: self.id,
            outcome: &summary.outcome,
            pages: self.page_count,
            progress: self.progress,
            lag_seconds: complete_through.map(|through| (now - through).num_seconds()),
            was_well,
            has_become_stale,
        });
        summary
    }
}
