//! Order of two records of one session, and what a record may overwrite.
//!
//! The provider's own change time decides where both have one that was possible when they were fetched; else the time
//! of the request. A record whose session is stored unchanged writes nothing, so the stored time of the request may be
//! earlier than the last one with the same bytes. That is why a page that is itself old is not saved at all
//! ([`OLDEST_PAGE`]): only newer states could be reverted, and the next reading corrects them. Pure functions: this
//! module knows neither tables nor calls.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::session::possible_change;
use crate::store::page::prepared::Prepared;
use crate::store::page::seen::Known;

/// A page requested longer ago than this is not saved: its poller was suspended, and other pollers have read since.
pub(super) const OLDEST_PAGE: TimeDelta = TimeDelta::minutes(30);

/// The records of a page, by what to do with them.
#[derive(Debug)]
pub(super) struct Sorted<'a, 'r> {
    /// Records to write.
    pub(super) fresh: Vec<&'a Prepared<'r>>,
    /// Records older than the stored ones: only their bytes are kept.
    pub(super) older: Vec<&'a Prepared<'r>>,
    /// Records that are stored unchanged.
    pub(super) unchanged: Vec<&'a Prepared<'r>>,
}

/// Sorts records that were requested at `fetched_at`; `now` is the present.
pub(super) fn sort<'a, 'r>(
    records: &'a [Prepared<'r>],
    known: &HashMap<String, Known>,
    fetched_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Sorted<'a, 'r> {
    let mut sorted = Sorted { fresh: Vec::new(), older: Vec::new(), unchanged: Vec::new() };
    for record in records {
        match known.get(record.id()) {
            Some(known) if known.row_hash == record.row_hash => sorted.unchanged.push(record),
            Some(known) if is_older(record, known, fetched_at, now) => sorted.older.push(record),
            _ => sorted.fresh.push(record),
        }
    }
    sorted
}

fn is_older(record: &Prepared<'_>, known: &Known, fetched_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let new = possible_change(record.record.session.provider_updated_at, Some(fetched_at));
    match (new, possible_change(known.provider_updated_at, known.fetched_at)) {
        (Some(new), Some(stored)) if new != stored => new < stored,
        // the record states its change time, and the stored one does not
        (Some(_), None) => false,
        _ => known.fetched_at.is_some_and(|stored| is_before(fetched_at, stored, now)),
    }
}

/// Whether something requested at `fetched_at` precedes the time `noted`. A `noted` time in the future comes from a
/// wrong clock, and is ignored.
pub(super) fn is_before(fetched_at: DateTime<Utc>, noted: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    fetched_at < noted && noted <= now
}

/// Whether a record names only part of its session, compared with the stored data.
pub(super) fn is_partial(record: &Prepared<'_>, known: &HashMap<String, Known>) -> bool {
    let stored = known.get(record.id());
    let is_change_time_known = stored.is_some_and(|known| known.provider_updated_at.is_some());
    record.record.session.names_part(is_change_time_known, stored.is_some_and(|known| known.has_state))
}
