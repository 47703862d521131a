//! Refresh, one by one, of stored sessions that can still change and are no longer listed.
//!
//! A run refreshes a limited number, and the next one continues below the last of them, so that all get their turn.
//! A session that the provider no longer knows counts as missing, like one that a list does not hold.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::error::Action;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::id::ProviderRecordId;
use crate::model::page::{Page, PageRequest};
use crate::model::time::Window;
use crate::store::open_set::{self, FACT_POSITION, OpenRange};

/// Most sessions refreshed in one run.
const MAX_SESSIONS: usize = 1_000;
/// After this many failed sessions in a row the provider is at fault, not a session.
const MAX_FAILURES_IN_A_ROW: u32 = 5;
/// Sessions saved in one transaction.
const BATCH: usize = 50;
/// A session that is still live after this time is no longer refreshed, because that would never end.
const OLDEST: TimeDelta = TimeDelta::days(30);

/// Sessions that were read and are not saved yet.
#[derive(Default)]
struct Gathered {
    page: Page,
    /// Sessions that the provider does not know.
    gone: Vec<ProviderRecordId>,
    asked_count: usize,
    failures_in_a_row: u32,
}

impl Run<'_> {
    /// Refreshes the open sessions created before `listed_from`.
    pub(super) async fn refresh_open(&mut self, listed_from: DateTime<Utc>, settling: TimeDelta) -> Result<(), Halt> {
        let now = self.poller.clock.now();
        let range = OpenRange {
            created_before: listed_from,
            created_from: self.source.history_from.max(now - OLDEST),
            unsettled_since: now - settling,
        };
        let limit = i64::try_from(MAX_SESSIONS + 1).unwrap_or(i64::MAX);
        let open = open_set::ids(&self.poller.pool, self.source.id, &range, limit).await.map_err(Halt::Store)?;
        let window = Window { from: range.created_from, to: listed_from };
        let request = PageRequest { window: &window, cursor: None, now };
        let mut gathered = Gathered::default();
        let mut outcome = Ok(());
        let mut last = None;
        for id in open.iter().take(MAX_SESSIONS) {
            outcome = self.refresh_one(id, request, &mut gathered).await;
            if outcome.is_err() {
                break;
            }
            last = Some(id);
            if gathered.page.len() >= BATCH {
                self.save_batch(&mut gathered.page).await?;
            }
        }
        if open.len() > MAX_SESSIONS {
            self.doubts.push(format!(
                "more than {MAX_SESSIONS} sessions can still change, the next run reads the others again"
            ));
        }
        if outcome.is_err() || open.len() > MAX_SESSIONS {
            gathered.page.facts.extend(last.map(|id| (FACT_POSITION, id.as_str().to_owned())));
        }
        gathered.page.missing = self.believed(gathered.gone, gathered.asked_count);
        self.save_batch(&mut gathered.page).await?;
        outcome
    }

    async fn refresh_one(
        &mut self,
        id: &ProviderRecordId,
        request: PageRequest<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), Halt> {
        let asked_at = self.poller.clock.now();
        gathered.asked_count += 1;
        match self.unless_stopped(self.source.connector.fetch_session(id, request)).await {
            Ok(page) if page.records.iter().any(|record| record.session.provider_session_id != *id) => {
                gathered.failures_in_a_row += 1;
                self.doubts.push(format!("the provider answered with another session than {id}"));
            }
            Ok(page) => {
                gathered.failures_in_a_row = 0;
                if page.is_empty() {
                    gathered.gone.push(id.clone());
                }
                // a batch is as old as its first record
                gathered.page.fetched_at.get_or_insert(asked_at);
                gathered.page.records.extend(page.records);
                gathered.page.rejects.extend(page.rejects);
            }
            Err(Halt::Pull(error)) if error.kind.policy().action == Action::SkipRecord => {
                tracing::debug!(source = %self.source.slug, %id, error = %error, "not read again");
            }
            // a session that cannot be read does not stop the others
            Err(Halt::Pull(error))
                if error.kind.policy().may_be_local && gathered.failures_in_a_row < MAX_FAILURES_IN_A_ROW =>
            {
                gathered.failures_in_a_row += 1;
                self.doubts.push(format!("a session could not be read again: {error}"));
            }
            Err(halt) => return Err(halt),
        }
        Ok(())
    }

    async fn save_batch(&mut self, batch: &mut Page) -> Result<(), Halt> {
        let page = std::mem::take(batch);
        if !page.is_empty() || !page.missing.is_empty() || !page.facts.is_empty() {
            let saved = self.save(&page, None).await?;
            self.count(&saved).await;
        }
        Ok(())
    }
}
