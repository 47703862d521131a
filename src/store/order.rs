//! Which of two records of one session is the newer one, and what a record may overwrite.
//!
//! The provider's own change time decides where both have one; else the order in which they were asked for. A record
//! whose session is stored to the byte writes nothing, so the stored time of asking may lie before the last reading
//! that saw the same. That is why a page that is itself old is not saved at all ([`OLDEST_PAGE`]): what could be
//! turned back is no older than that, and the next reading mends it. Pure: knows neither tables nor calls.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::page::Prepared;
use crate::store::page::seen::Known;

/// A page asked for longer ago than this is not saved: its poller slept, and others have read since.
pub(super) const OLDEST_PAGE: TimeDelta = TimeDelta::minutes(30);

/// The records of a page, by what is to be done with them.
#[derive(Debug)]
pub(super) struct Sorted<'a, 'r> {
    /// To be written.
    pub(super) fresh: Vec<&'a Prepared<'r>>,
    /// Older than what is stored: only their bytes are kept.
    pub(super) older: Vec<&'a Prepared<'r>>,
    /// Stored to the byte.
    pub(super) unchanged_count: usize,
}

/// Sorts records that were asked for at `fetched_at`; `now` is the present.
pub(super) fn sort<'a, 'r>(
    records: &'a [Prepared<'r>],
    known: &HashMap<String, Known>,
    fetched_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Sorted<'a, 'r> {
    let mut sorted = Sorted { fresh: Vec::new(), older: Vec::new(), unchanged_count: 0 };
    for record in records {
        match known.get(record.id()) {
            Some(known) if known.row_hash == record.row_hash => sorted.unchanged_count += 1,
            Some(known) if is_older(record, known, fetched_at, now) => sorted.older.push(record),
            _ => sorted.fresh.push(record),
        }
    }
    sorted
}

fn is_older(record: &Prepared<'_>, known: &Known, fetched_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    match (record.record.session.provider_updated_at, known.provider_updated_at) {
        (Some(new), Some(stored)) if new != stored => new < stored,
        // it can tell how new it is, and what is stored could not
        (Some(_), None) => false,
        _ => known.fetched_at.is_some_and(|stored| is_before(fetched_at, stored, now)),
    }
}

/// Whether something asked for at `fetched_at` came before what was noted at `noted`. A note that lies ahead was made
/// by a clock that was wrong, and says nothing.
pub(super) fn is_before(fetched_at: DateTime<Utc>, noted: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    fetched_at < noted && noted <= now
}

/// Whether a record names only part of its session, seen from what is stored of it.
pub(super) fn is_partial(record: &Prepared<'_>, known: &HashMap<String, Known>) -> bool {
    let stored = known.get(record.id());
    let is_change_time_known = stored.is_some_and(|known| known.provider_updated_at.is_some());
    record.record.session.names_part(is_change_time_known, stored.is_some_and(|known| known.has_state))
}
