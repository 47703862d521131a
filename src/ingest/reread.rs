//! Reading again, one by one, the stored sessions that can still change and are no longer listed.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::error::Action;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::page::{Page, PageRequest};
use crate::model::time::Window;
use crate::store::open_set::{self, OpenRange};

/// Most sessions read again in one run; the newest come first.
const MAX_SESSIONS: usize = 1_000;
/// So many sessions in a row that cannot be read: then it is the provider and not a session.
const MAX_FAILURES_IN_A_ROW: u32 = 5;
/// Sessions saved in one transaction.
const BATCH: usize = 50;
/// A session that is still live after so long is taken as it is: re-reading it for ever tells nothing.
const OLDEST: TimeDelta = TimeDelta::days(30);

impl Run<'_> {
    /// Reads the open sessions created before `listed_from` again.
    pub(super) async fn read_again(&mut self, listed_from: DateTime<Utc>, settling: TimeDelta) -> Result<(), Halt> {
        let now = self.poller.clock.now();
        let range = OpenRange {
            created_before: listed_from,
            created_from: self.source.history_from.max(now - OLDEST),
            unsettled_since: now - settling,
        };
        let limit = i64::try_from(MAX_SESSIONS + 1).unwrap_or(i64::MAX);
        let mut open = open_set::ids(&self.poller.pool, self.source.id, &range, limit).await.map_err(Halt::Store)?;
        if open.len() > MAX_SESSIONS {
            open.truncate(MAX_SESSIONS);
            self.doubts
                .push(format!("more than {MAX_SESSIONS} sessions can still change, the oldest were not read again"));
        }
        let window = Window { from: range.created_from, to: listed_from };
        let request = PageRequest { window: &window, cursor: None, now };
        let mut batch = Page::default();
        let mut failures_in_a_row = 0;
        for id in open {
            match self.unless_stopped(self.source.connector.fetch_session(&id, request)).await {
                Ok(page) => {
                    failures_in_a_row = 0;
                    batch.records.extend(page.records);
                    batch.rejects.extend(page.rejects);
                }
                Err(Halt::Pull(error)) if error.kind.policy().action == Action::SkipRecord => {
                    tracing::debug!(source = %self.source.slug, %id, error = %error, "not read again");
                }
                // one session that cannot be read keeps no other from being read
                Err(Halt::Pull(error))
                    if error.kind.policy().may_be_local && failures_in_a_row < MAX_FAILURES_IN_A_ROW =>
                {
                    failures_in_a_row += 1;
                    self.doubts.push(format!("a session could not be read again: {error}"));
                }
                Err(halt) => {
                    self.save_batch(&mut batch).await?;
                    return Err(halt);
                }
            }
            if batch.len() >= BATCH {
                self.save_batch(&mut batch).await?;
            }
        }
        self.save_batch(&mut batch).await
    }

    async fn save_batch(&mut self, batch: &mut Page) -> Result<(), Halt> {
        let page = std::mem::take(batch);
        if !page.is_empty() {
            let saved = self.save(&page, None).await?;
            self.count(&saved).await;
        }
        Ok(())
    }
}
