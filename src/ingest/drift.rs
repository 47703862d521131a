//! Documented fields that a provider no longer sends.
//!
//! [`crate::store::field_presence`] decides whether a field is missing. While one is, each run is incomplete, and
//! stored values stay although records no longer contain them. Once the field is back, everything listed meanwhile
//! is read again within the same run, so that no manual repair is needed.

use std::fmt::Write;

use crate::connector::StreamPolicy;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::time::{Window, to_micros};
use crate::store::field_presence::MissingField;

/// Class of the error in the journal.
pub(super) const CLASS: &str = "schema_drift";

/// Advice for the operator.
pub(super) const ADVICE: &str = "The provider no longer sends a documented field; stored values stay, and new ones are \
                                 missing. Compare the provider's API with this version. Once the field is back, the \
                                 records without it are read again automatically; if it is gone for good, name it in \
                                 dropped_fields of the source.";

impl Run<'_> {
    /// Determines which fields the records of this run lack, once they are read, and returns `outcome` or the
    /// resulting halt.
    pub(super) async fn judge_fields(&mut self, outcome: Result<(), Halt>, policy: &StreamPolicy) -> Result<(), Halt> {
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
        let settled = self.persist(|| self.fields.settle(pool, &self.hold, began_at)).await;
        self.missing_fields = settled.map_err(Halt::Store)?;
        outcome
    }
}

/// Describes the missing fields; `None`: there are none.
pub(super) fn described(missing: &[MissingField]) -> Option<String> {
    let sentences: Vec<String> = missing.iter().map(sentence).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

fn sentence(field: &MissingField) -> String {
    let MissingField { path, since, absent_count, record_count, .. } = field;
    let mut text = format!(
        "the field {path} is missing from {absent_count} of {record_count} new and changed records since {}; {} of {} \
         earlier ones had it",
        since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        field.earlier_present_count,
        field.earlier_count,
    );
    if !field.unknown_fields.is_empty() {
        // writing to a string cannot fail
        let _ = write!(text, " (unknown fields received since: {})", field.unknown_fields.join(", "));
    }
    text
}
