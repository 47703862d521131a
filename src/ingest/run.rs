//! One run: what it holds, how it fetches and saves, how it ends.
//!
//! The run of a poll holds the lease of its stream and ends by writing the stream's facts. The run of a unit of the past
//! holds its claim, touches none of these facts, and is ended by [`crate::ingest::past`].

mod begin;

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connector::Connector;
use crate::connector::error::PullError;
use crate::failpoint;
use crate::ingest::account::AccountWitness;
use crate::ingest::keeper::Keeper;
use crate::ingest::patience::persist;
use crate::ingest::rings::Share;
use crate::ingest::verdict::{self, Halt};
use crate::ingest::{Poller, RunSummary, Source};
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::artifact::SessionStream;

use crate::store::field_presence::{FieldBook, MissingField};
use crate::store::hold::Hold;
use crate::store::lease::Lease;
use crate::store::page::{self, SaveContext};
use crate::store::run::{self as journal, Pace, Progress, Tally};
use crate::store::window::{self, Finding};
use crate::store::{StoreError, statistics, window as windows};

/// Cuts of doubtful windows in one poll; the next one goes on where this one stopped.
const MAX_CUTS: u32 = 16;
/// More ids than this are not kept to be named.
const MAX_LISTED: usize = 100_000;

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) poller: &'a Poller,
    pub(super) source: &'a Source,
    /// The way to the source: calls about the past leave the others theirs.
    connector: &'a dyn Connector,
    /// The right to write.
    pub(super) hold: Hold,
    /// Cancelled when the run is to end after the page in flight.
    stop: CancellationToken,
    pub(super) id: i64,
    /// When it began.
    pub(super) began_at: DateTime<Utc>,
    pub(super) page_count: u64,
    pub(super) progress: Progress,
    /// When the journal is told.
    pace: Pace,
    /// The provider's own count, over the windows that gave one.
    pub(super) provider_total: Option<i64>,
    /// Distinct records, over all windows.
    pub(super) distinct_count: i64,
    /// Which documented fields are usual in the stream, and which its records have.
    pub(super) fields: FieldBook,
    /// Documented fields that records lack.
    pub(super) missing_fields: Vec<MissingField>,
    /// What could not be proven, a sentence each.
    pub(super) doubts: Vec<String>,
    /// How often a window that cannot be proven may still be cut in this run.
    pub(super) cuts_left: u32,
    /// Ranges of which an operator accepts that they are not proven.
    pub(super) accepted: Vec<Window>,
    /// Windows left out because they could not be read.
    pub(super) spared_windows: u32,
    /// A part of a window held less than the whole: the provider's time filter works.
    pub(super) filter_works: bool,
    /// What is known to be there is read once more: what of it cannot be proven keeps its proof.
    pub(super) is_ring: bool,
    /// How much of the rings this run reads; `None`: all of them, or none.
    pub(super) share: Option<Share>,
    /// The ids that were listed, where somebody wants to name what is missing.
    pub(super) listed: Option<HashSet<String>>,
    /// Whose sessions these are.
    pub(super) account: AccountWitness,
    /// What is enlisted for each session that is saved.
    session_streams: Vec<SessionStream>,
    keeper: Keeper,
    /// The database's clock, and when it was read by one that cannot be set.
    database_clock: Option<(DateTime<Utc>, Instant)>,
}

impl Run<'_> {
    /// From here on the past is read again: with the calls that come last, and with this share of the run.
    pub(super) fn turn_to_the_past(&mut self, share: Option<Share>) {
        self.connector = &*self.source.past;
        self.is_ring = true;
        self.share = share;
        self.cuts_left = MAX_CUTS;
        self.spared_windows = 0;
    }

    /// The present by the database's clock: the witness where the provider states no time. `None` where our own clock is
    /// set by hand, and so is no claim about the present.
    pub(super) fn database_now(&self) -> Option<DateTime<Utc>> {
        let (read, at) = self.database_clock?;
        Some(read + TimeDelta::from_std(at.elapsed()).unwrap_or_default())
    }

    fn stream(&self) -> Stream {
        self.hold.place().stream
    }

    /// Fetches a page, unless the service is told to stop first.
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
            () = self.keeper.lapsed() => Err(Halt::Store(self.hold.lost())),
            answer = call => answer.map_err(Halt::Pull),
        }
    }

    /// Saves a page; waits for a database that is away. Saving twice is harmless, so a commit whose
    /// outcome is unknown is simply repeated.
    pub(super) async fn save(&self, page: &Page, finding: Option<&Finding>) -> Result<Progress, Halt> {
        let now = self.poller.clock.now();
        let is_due = self.pace.is_due();
        let context = SaveContext {
            hold: &self.hold,
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
        let saved = self.persist(|| page::save(pool, &context, page, finding)).await.map_err(Halt::Store)?;
        if is_due {
            self.pace.keep();
        }
        Ok(saved)
    }

    /// What it has done so far.
    pub(super) fn tally(&self) -> Tally {
        Tally { page_count: self.page_count, progress: self.progress }
    }

    /// Marks a window as not proven. A unit of the past is marked itself: the windows of the stream are the poll's,
    /// and what was proven of them before stays so. A ring that is not read to its end stays due.
    pub(super) async fn deny(&mut self, finding: &Finding) -> Result<(), Halt> {
        if self.is_ring || matches!(self.hold, Hold::Unit(_)) {
            return Ok(());
        }
        let (pool, now) = (&self.poller.pool, self.poller.clock.now());
        let denied = self.persist(|| window::deny(pool, &self.hold, finding, self.id, now)).await;
        denied.map_err(Halt::Store)
    }

    /// Keeps the ids of a page, where they are wanted.
    pub(super) fn note(&mut self, page: &Page) {
        let Some(listed) = self.listed.as_mut().filter(|listed| listed.len() < MAX_LISTED) else { return };
        listed.extend(page.records.iter().map(|record| record.session.provider_session_id.as_str().to_owned()));
    }

    /// Counts what a page added.
    pub(super) async fn count(&mut self, saved: &Progress) {
        let before = self.progress;
        Tally { page_count: self.page_count, progress: self.progress } = self.tally().with(saved);
        if statistics::are_due(&before, &self.progress)
            && let Err(error) = statistics::refresh(&self.poller.pool, self.progress.inserted_count).await
        {
            tracing::debug!(error = ?error, "statistics stay as they are");
        }
    }

    pub(super) async fn persist<T, F, W>(&self, write: W) -> Result<T, StoreError>
    where
        W: Fn() -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let trusted = || async {
            // whoever slept past its lease does not have to be told that it is somebody else's
            if self.keeper.is_trusted() { write().await } else { Err(self.hold.lost()) }
        };
        persist(self.poller, self.source, &self.stop, trusted).await
    }

    /// Ends the run of a poll: verdict, journal, lease. Where the journal cannot be written, the next run closes this
    /// one; what is known of it is told all the same.
    pub(super) async fn finish(self, lease: &Lease, outcome: Result<(), Halt>) -> RunSummary {
        // a run that has waited for the database already does not wait again
        let has_waited = matches!(outcome, Err(Halt::Store(_)));
        let mut finish = verdict::judge(&self, outcome.as_ref().copied());
        let now = self.poller.clock.now();
        let pool = &self.poller.pool;
        let write = || journal::finish(pool, lease, self.id, &finish, now);
        // the journal is this run's own, whoever has the lease
        let is_final = has_waited || !self.keeper.is_trusted();
        let written = if is_final { write().await } else { self.persist(write).await };
        if let Err(error) = written {
            finish = verdict::judge(&self, Err(&Halt::Store(error)));
        }
        let complete_through = windows::complete_through(pool, lease.source_id, lease.stream).await;
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
            stream = %self.stream(),
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
