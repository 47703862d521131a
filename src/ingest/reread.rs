//! Reading again, one by one, the stored sessions that can still change and are no longer listed.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::error::{Action, PullErrorKind};
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::page::{Page, PageRequest};
use crate::model::time::Window;
use crate::store::open_set::{self, OpenRange};

/// Most sessions read again in one run; the newest come first, and health shows what stays open.
const MAX_SESSIONS: i64 = 500;
/// Sessions saved in one transaction.
const BATCH: usize = 50;
/// A session that is still live after so long is taken as it is: re-reading it for ever tells nothing.
const OLDEST: TimeDelta = TimeDelta::days(30);

impl Run<'_> {
    /// Reads the open sessions created before `listed_from` again.
    pub(super) async fn read_again(&mut self, listed_from: DateTime<Utc>, settling: TimeDelta) -> Result<(), Halt> {
        let now = self.poller.clock.now();
        let range =
            OpenRange { created_before: listed_from, created_from: now - OLDEST, unsettled_since: now - settling };
        let open = open_set::ids(&self.poller.pool, self.source.id, &range, MAX_SESSIONS).await;
        let window = Window { from: range.created_from, to: listed_from };
        let request = PageRequest { window: &window, cursor: None, now };
        let mut batch = Page::default();
        for id in open.map_err(Halt::Store)? {
            match self.unless_stopped(self.source.connector.fetch_session(&id, request)).await {
                Ok(page) => {
                    batch.records.extend(page.records);
                    batch.rejects.extend(page.rejects);
                }
                Err(Halt::Pull(error)) if skips(&error.kind) => {
                    tracing::debug!(source = %self.source.slug, %id, error = %error, "not read again");
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

fn skips(kind: &PullErrorKind) -> bool {
    kind.policy().action == Action::SkipRecord
}
