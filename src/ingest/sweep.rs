//! Who is missing from a list that was read to its end.
//!
//! Every proven walk is a sweep: a stored session of its range that the list did not hold is missed. Only where nothing
//! else explains that. The provider must have counted what it listed, since a list that is cut off in silence looks the
//! same; what it listed must lie in the range, since a filter that is ignored or means something else leaves out others;
//! and every record must have had a name, since the one without might be the one that is missed. What follows from
//! being missed is decided by [`crate::store::absence`].

use chrono::{DateTime, TimeDelta, Utc};

use crate::ingest::run::Run;
use crate::ingest::trace::Trace;
use crate::ingest::verdict::Halt;
use crate::model::id::ProviderRecordId;
use crate::model::time::Window;
use crate::store::absence;

/// So near to the ends of a range nobody is missed: providers round, and do not say whether an end is included.
const MARGIN: TimeDelta = TimeDelta::minutes(2);
/// So far before its range a record may be listed, since times are asked for rounded down,
const BEFORE: TimeDelta = TimeDelta::seconds(1);
/// and so far behind it, since sessions begin while a list is read.
pub(super) const BEHIND: TimeDelta = TimeDelta::minutes(10);

impl Run<'_> {
    /// The stored sessions of `window` that the list read in `trace`, begun at `begun_at`, did not hold.
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
        // a provider that keeps its lists for a while only names nothing before some instant
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

    /// The missing ones, unless they are so many that something else must be wrong.
    pub(super) fn believed(&self, missing: Vec<ProviderRecordId>, of: usize) -> Vec<ProviderRecordId> {
        if absence::is_credible(missing.len(), of) {
            return missing;
        }
        tracing::warn!(
            source = %self.source.slug,
            missing = missing.len(),
            stored = of,
            "most stored sessions are missing at the provider: none is taken for deleted; is it the same account?"
        );
        Vec::new()
    }
}

fn lists_within(window: &Window, created: Option<(DateTime<Utc>, DateTime<Utc>)>) -> bool {
    created.is_none_or(|(first, last)| first >= window.from - BEFORE && last <= window.to + BEHIND)
}
