//! Reading of single sessions that a provider's webhook named, beside the poll.
//!
//! A hint decides only when a session is read: what is stored comes from the provider's own answer, and nothing is
//! proven by it. A session that cannot be read is tried a few times and then left to the poll, which reads it anyway.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Notify;

use crate::clock::ClockSkews;
use crate::connector::error::{PullError, PullErrorKind};
use crate::ingest::poller::{Poller, Source};
use crate::model::page::{Page, PageRequest};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::model::verdict::{RunOutcome, Verdict};
use crate::store::field_presence::FieldBook;
use crate::store::hint::{self, Hinted};
use crate::store::page::{self, SaveContext};
use crate::store::run::{Finish, Progress, Tally};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, StreamKey};

/// Tries of a hint; the wait before the next one doubles from two seconds.
const MAX_TRIES: u32 = 5;

/// Reads hinted sessions whenever `bell` rings, until the service stops; `artifacts` wakes the worker of the streams
/// that a hint made due.
pub(super) async fn work(poller: Arc<Poller>, source: Arc<Source>, bell: Arc<Notify>, artifacts: Arc<Notify>) {
    loop {
        tokio::select! {
            biased;
            () = poller.stop.cancelled() => return,
            () = bell.notified() => {}
        }
        // a task of its own, so that a panic costs these hints and not the worker
        let run = {
            let (poller, source) = (Arc::clone(&poller), Arc::clone(&source));
            tokio::spawn(async move { read_due(&poller, &source).await })
        };
        match run.await {
            Ok(Ok(true)) => artifacts.notify_one(),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(source = %source.slug, error = ?error, "hints could not be followed"),
            Err(error) => tracing::error!(source = %source.slug, error = %error, "following hints crashed"),
        }
    }
}

/// Reads the sessions of due hints; returns whether there were any.
async fn read_due(poller: &Poller, source: &Source) -> Result<bool, StoreError> {
    let mut has_read = false;
    let stream_key = StreamKey { source_id: source.id, stream: Stream::Sessions };
    while !poller.stop.is_cancelled() {
        let hints = hint::claim(&poller.pool, source.id, poller.clock.now()).await?;
        if hints.is_empty() {
            break;
        }
        has_read = true;
        let run_id = hint::start_run(&poller.pool, stream_key, poller.clock.now()).await?;
        let fields = FieldBook::load(&poller.pool, stream_key, &source.dropped_fields).await?;
        let reading = Reading { poller, source, run_id, fields: &fields, guard: WriteGuard::Single(stream_key) };
        let (tally, error) = reading.read(&hints).await?;
        let verdict = if error.is_none() { Verdict::Complete } else { Verdict::Incomplete };
        let outcome = RunOutcome {
            verdict,
            reason: error.is_some().then(|| "a session that a webhook named could not be read".to_owned()),
            http_status: error.as_ref().and_then(|error| error.http_status),
            error: error.map(|error| (error.kind.policy().class.to_owned(), error.to_string())),
            parked_until: None,
        };
        let distinct_count = tally.progress.record_count;
        let clocks = ClockSkews::default();
        let finish = Finish { tally, outcome, provider_total: None, distinct_count, clocks };
        hint::finish_run(&poller.pool, run_id, &finish, poller.clock.now()).await?;
        tracing::debug!(source = %source.slug, run_id, hints = hints.len(), verdict = verdict.as_str(), "hints read");
    }
    Ok(has_read)
}

/// A run that reads hinted sessions.
struct Reading<'a> {
    poller: &'a Poller,
    source: &'a Source,
    run_id: i64,
    fields: &'a FieldBook,
    guard: WriteGuard,
}

impl Reading<'_> {
    /// Reads each session; returns the counts and the last error.
    async fn read(&self, hints: &[Hinted]) -> Result<(Tally, Option<PullError>), StoreError> {
        let Self { poller, source, .. } = self;
        let (mut tally, mut error) = (Tally::default(), None);
        for hinted in hints {
            let now = poller.clock.now();
            let window = Window { from: now - TimeDelta::days(1), to: now };
            let request = PageRequest { window: &window, cursor: None, now };
            let page = tokio::select! {
                biased;
                // the claim expires, and another poller continues
                () = poller.stop.cancelled() => return Ok((tally, error)),
                page = source.connector.fetch_session(&hinted.session, request) => page,
            };
            match page {
                Ok(page) if !page.is_empty() => {
                    let page = Page { fetched_at: Some(now), ..page };
                    tally = tally.with(&self.save(&page).await?);
                    hint::settle(&poller.pool, source.id, hinted, poller.clock.now()).await?;
                }
                // a new session may be known to the list before it can be read alone
                Ok(_) => self.retry(hinted, None).await?,
                Err(failure) => {
                    tracing::debug!(source = %source.slug, id = %hinted.session, error = %failure, "not read");
                    self.retry(hinted, Some(&failure)).await?;
                    error = Some(failure);
                }
            }
        }
        Ok((tally, error))
    }

    async fn retry(&self, hinted: &Hinted, failure: Option<&PullError>) -> Result<(), StoreError> {
        let tries = u32::try_from(hinted.attempts).unwrap_or(MAX_TRIES);
        let next = self.poller.clock.now() + TimeDelta::seconds(i64::from(2_u32.saturating_pow(tries)));
        let next = match failure.map(|failure| &failure.kind) {
            Some(PullErrorKind::RateLimited { until }) => next.max(*until),
            _ => next,
        };
        let retry_at = (tries < MAX_TRIES).then_some(next);
        hint::postpone(&self.poller.pool, self.source.id, hinted, retry_at).await
    }

    async fn save(&self, page: &Page) -> Result<Progress, StoreError> {
        let now = self.poller.clock.now();
        let context = SaveContext {
            guard: &self.guard,
            run_id: self.run_id,
            tally: None,
            source_slug: &self.source.pseudonym_slug,
            person_key: &self.poller.person_key,
            session_streams: &self.source.queued_streams(),
            fields: self.fields,
            fetched_at: page.fetched_at.unwrap_or(now),
            now,
        };
        page::save(&self.poller.pool, &context, page, None).await
    }
}
