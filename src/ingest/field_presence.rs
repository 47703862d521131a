//! Documented fields that a provider no longer sends.
//!
//! [`crate::store::field_presence`] decides whether a field is missing. While one is, each run is incomplete, and
//! stored values stay although records no longer contain them. Once the field is back, everything listed meanwhile
//! is read again within the same run, so that no manual repair is needed.

use crate::connector::StreamPolicy;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::time::{Window, to_micros};

impl Run<'_> {
    /// Determines which fields the records of this run lack, once they are read, and returns `outcome` or the
    /// resulting halt.
    pub(super) async fn settle_fields(&mut self, outcome: Result<(), Halt>, policy: &StreamPolicy) -> Result<(), Halt> {
        if matches!(outcome, Err(Halt::Store(_) | Halt::Cancelled)) {
            return outcome;
        }
        if outcome.is_ok()
            && let Some(since) = self.fields.back_since(self.began_at)
        {
            let from = (since - policy.overlap).max(self.source.history_from);
            let window = Window { from, to: to_micros(self.poller.clock.now()) };
            tracing::info!(source = %self.source.slug, %window, "missing fields are back, reading again");
            if window.from < window.to {
                self.cover(&[window], policy).await?;
            }
        }
        let (pool, began_at) = (&self.poller.pool, self.began_at);
        let settled = self.persist(|| self.fields.settle(pool, &self.guard, began_at)).await;
        self.missing_fields = settled.map_err(Halt::Store)?;
        outcome
    }
}
