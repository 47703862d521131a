//! Sessions missing from a list that was read to its end.
//!
//! After every proven walk, a stored session of its range that the list did not hold counts as missing, but only
//! where nothing else explains it. The provider must have counted its list, since a silently truncated list looks
//! the same. The listed sessions must lie in the range, since a filter that is ignored or means something else
//! leaves out others. And every record must have had an id, since one without might be the missing one.
//! [`crate::store::absence`] decides the consequences.
//!
//! An empty list that denies all stored sessions of its range proves nothing until a second one a day later agrees.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ingest::completeness::WalkRecord;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::id::ProviderRecordId;
use crate::model::time::Window;
use crate::store::absence;
use crate::store::write_guard::WriteGuard;

/// Margin at both ends of a range in which no session counts as missing: providers round, and do not say whether an
/// end is included.
const MARGIN: TimeDelta = TimeDelta::minutes(2);
/// How far before its range a record may be listed, since requested times are rounded down,
const BEFORE: TimeDelta = TimeDelta::seconds(1);
/// and how far behind it, since sessions begin while a list is read.
pub(super) const BEHIND: TimeDelta = TimeDelta::minutes(10);

/// Time between two empty lists that must agree before stored sessions count as deleted by them.
const A_DAY: TimeDelta = TimeDelta::days(1);
/// So many sessions are never deleted by an empty list.
const NEVER: TimeDelta = TimeDelta::days(36_500);

/// Sessions that a list did not hold.
#[derive(Debug, Default)]
pub(super) struct Missing {
    pub(super) ids: Vec<ProviderRecordId>,
    /// The least time for which they must be missing before they count as deleted.
    pub(super) deleted_after: TimeDelta,
    /// Why the list proves nothing about its range: it is empty, and sessions are stored.
    pub(super) doubt: Option<String>,
}

impl Run<'_> {
    /// Returns the stored sessions of `window` that the list read in `walked`, begun at `begun_at`, did not hold.
    pub(super) async fn missing(
        &self,
        window: &Window,
        walked: &WalkRecord,
        begun_at: DateTime<Utc>,
    ) -> Result<Missing, Halt> {
        if !walked.end.is_counted() || walked.has_nameless || !lists_within(window, walked.created) {
            return Ok(Missing::default());
        }
        let inner = Window { from: window.from + MARGIN, to: window.to - MARGIN };
        // a provider with limited retention lists nothing before some instant
        let first = walked.created.map_or(inner.to, |(first, _)| first);
        let inner = if self.is_ring { Window { from: inner.from.max(first), ..inner } } else { inner };
        if inner.from >= inner.to {
            return Ok(Missing::default());
        }
        let (pool, source) = (&self.poller.pool, self.source);
        let missing = absence::missing(pool, source.id, &inner, begun_at, |id| walked.holds(id)).await;
        let missing = missing.map_err(Halt::Store)?;
        let is_empty = walked.end.distinct() == 0 && missing.stored_count > 0;
        // a past unit that is empty may be older than the provider keeps lists
        if is_empty && matches!(self.guard, WriteGuard::Lease(_)) {
            let since = absence::missed_since(pool, source.id, &missing.ids).await.map_err(Halt::Store)?;
            return Ok(denied(missing, since.is_some_and(|since| begun_at - since >= A_DAY)));
        }
        let ids = self.believed(missing.ids, missing.stored_count);
        Ok(Missing { ids, ..Missing::default() })
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

/// Returns what an empty list says about stored sessions: a provider that knows none of them is broken, or answers for
/// another account, more likely than that it deleted all. So nothing is believed before a second reading a day later.
fn denied(missing: absence::Missing, is_agreed: bool) -> Missing {
    let (ids, of) = (missing.ids, missing.stored_count);
    let is_credible = absence::is_credible(ids.len(), of);
    let doubt = format!(
        "the provider states that there is nothing where {of} sessions are stored; a second reading a day later decides"
    );
    Missing { ids, deleted_after: if is_credible { A_DAY } else { NEVER }, doubt: (!is_agreed).then_some(doubt) }
}

fn lists_within(window: &Window, created: Option<(DateTime<Utc>, DateTime<Utc>)>) -> bool {
    created.is_none_or(|(first, last)| first >= window.from - BEFORE && last <= window.to + BEHIND)
}
