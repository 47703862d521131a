//! Record of a walk over a window, and what it proves about the window.
//!
//! [`crate::ingest::list_end`] decides whether the list was read to its end; here rejects count too: too many
//! unreadable records prove nothing. This module receives pages. It fetches and saves nothing.

use chrono::{DateTime, Utc};

use crate::connector::error::PullError;
use crate::ingest::list_end::{ListEnd, PageEnd, Reading, fingerprint, identities};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Cursor, Page};
use crate::model::time::Window;
use crate::store::window::Finding;

/// More rejects than one in this many records leave a window unproven.
const REJECT_SHARE: usize = 20;
/// This many rejects are tolerated, unless they are more than half of all records.
const REJECTS_BORNE: usize = 10;

/// The record of a walk.
#[derive(Debug)]
pub(super) struct WalkRecord {
    pub(super) end: ListEnd,
    /// Sessions created from here on belong to the next run: two readings need not agree about them.
    compared_until: DateTime<Utc>,
    records: usize,
    rejects: usize,
    /// Creation times of the first and the last record.
    pub(super) created: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Whether there was a record with an unreadable id.
    pub(super) has_nameless: bool,
}

impl WalkRecord {
    /// Begins a walk over `window`; `read_before` is the reading of the walk before it. `counts_lists`: as of
    /// [`ListEnd::after`].
    pub(super) fn after(read_before: Option<Reading>, window: &Window, counts_lists: bool) -> Self {
        Self {
            end: ListEnd::after(read_before, counts_lists),
            compared_until: window.to,
            records: 0,
            rejects: 0,
            created: None,
            has_nameless: false,
        }
    }

    /// Adds a page. Returns the next cursor, unless the list ended or a guard stopped it.
    pub(super) fn follow(&mut self, page: &Page) -> Option<Cursor> {
        self.records += page.len();
        self.rejects += page.rejects.len();
        let seen_before = self.end.distinct();
        for session in page.records.iter().map(|record| &record.session) {
            self.end.see(fingerprint(&session.provider_session_id), session.created_at < self.compared_until);
            let at = session.created_at;
            self.created = Some(self.created.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        for identity in identities(&page.rejects) {
            self.end.see(identity, true);
        }
        self.has_nameless |= page.rejects.iter().any(|reject| reject.provider_record_id.is_none());
        let end = PageEnd {
            rows: page.len() as u64,
            page_size: page.page_size,
            total: page.total,
            next: page.next.as_ref(),
            past_end: page.past_end.as_ref(),
            more: page.more,
        };
        self.end.follow(end, seen_before)
    }

    /// Whether this failure to fetch the next page means that there is none.
    pub(super) fn ends_with(&mut self, error: &PullError) -> bool {
        self.end.ends_with(error)
    }

    /// Whether the list held this record.
    pub(super) fn holds(&self, id: &ProviderRecordId) -> bool {
        self.end.holds(fingerprint(id))
    }

    /// Describes too many rejects: then our reading of the provider is wrong, not the records.
    fn misread(&self) -> Option<String> {
        let borne = (self.records / REJECT_SHARE).max(REJECTS_BORNE);
        let is_misread = self.rejects > borne || (self.rejects > 0 && self.rejects * 2 > self.records);
        is_misread.then(|| format!("{} of {} records could not be normalized", self.rejects, self.records))
    }

    /// Returns what the walk proves about its window, once it has ended with `last`.
    pub(super) fn finding(&self, window: Window, last: &Page) -> Finding {
        let is_ahead = window.from >= window.to;
        let unprovable = last.unprovable.filter(|_| !self.end.is_guarded()).map(str::to_owned);
        let doubt = unprovable
            .or_else(|| self.end.doubt().filter(|_| self.end.is_guarded() || self.end.miscount().is_some()))
            .or_else(|| self.misread())
            .or_else(|| self.end.doubt())
            .or_else(|| is_ahead.then(|| "the provider's clock is before this range".to_owned()));
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let distinct_count = number(self.end.distinct());
        Finding { window, doubt, is_denied: false, provider_total: self.end.total().map(number), distinct_count }
    }
}
