//! Sessions missing from a list that was read to its end.
//!
//! After every proven walk, a stored session of its range that the list did not hold counts as missing, but only
//! where nothing else explains it. The provider must have counted its list, since a silently truncated list looks
//! the same. The listed sessions must lie in the range, since a filter that is ignored or means something else
//! leaves out others. And every record must have had an id, since one without might be the missing one.
//! [`crate::store::absence`] decides the consequences.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ingest::run::Run;
use crate::ingest::trace::Trace;
use crate::ingest::verdict::Halt;
use crate::model::id::ProviderRecordId;
use crate::model::time::Window;
use crate::store::absence;

/// Margin at both ends of a range in which no session counts as missing: providers round, and do not say whether an
/// end is included.
const MARGIN: TimeDelta = TimeDelta::minutes(2);
/// How far before its range a record may be listed, since requested times are rounded down,
const BEFORE: TimeDelta = TimeDelta::seconds(1);
/// and how far behind it, since sessions begin while a list is read.
pub(super) const BEHIND: TimeDelta = TimeDelta::minutes(10);

impl Run<'_> {
    /// Returns the stored sessions of `window` that the list read in `trace`, begun at `begun_at`, did not hold.
    pub(super) async fn missing(
        &self,
        window: &Window,
        trace: &Trace,
        begun_at: DateTime<Utc>,
    ) -> Result<Vec<ProviderRecordId>, Halt> {
        if !trace.end.is_counted() || trace.has_nameless || !lists_within(window, trace.created) {
            return Ok(Vec::new());
        }
        let inner = Window { from: window.from + MARGIN, to: window.to - MARGIN };
        // a provider with limited retention lists nothing before some instant
        let first = trace.created.map_or(inner.to, |(first, _)| first);
        let inner = if self.is_ring { Window { from: inner.from.max(first), ..inner } } else { inner };
        if inner.from >= inner.to {
            return Ok(Vec::new());
        }
        let (pool, source) = (&self.poller.pool, self.source);
        let missing = absence::missing(pool, source.id, &inner, begun_at, |id| trace.holds(id)).await;
        let missing = missing.map_err(Halt::Store)?;
        Ok(self.believed(missing.ids, missing.stored_count))
    }

    /// Returns the missing sessions, unless there are so many that something else must be wrong.
    pub(super) fn believed(&self, missing: Vec<ProviderRecordId>, of: usize) -> Vec<ProviderRecordId> {
        if absence::is_credible(missing.len(), of) {
            return missing;
        }
        tracing::warn!(
            source = %self.source.slug,
            missing = missing.len(),
            stored = of,
            "most stored sessions are missing at the provider: none counts as deleted; is it the same account?"
        );
        Vec::new()
    }
}

fn lists_within(window: &Window, created: Option<(DateTime<Utc>, DateTime<Utc>)>) -> bool {
    created.is_none_or(|(first, last)| first >= window.from - BEFORE && last <= window.to + BEHIND)
}
