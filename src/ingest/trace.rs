//! What a walk over a window has seen, and what it proves about the window.
//!
//! Whether the list was read to its end is decided in [`crate::ingest::list_end`]; here the records count too: too many
//! that cannot be read prove nothing. Takes pages in. Fetches and saves nothing.

use chrono::{DateTime, Utc};

use crate::connector::error::PullError;
use crate::ingest::list_end::{ListEnd, PageEnd, Reading, fingerprint};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Cursor, Page};
use crate::model::time::Window;
use crate::store::window::Finding;

/// More rejects than one in so many records leave a window unproven.
const REJECT_SHARE: usize = 20;
/// So many rejects are borne, unless they are more than half of all records.
const REJECTS_BORNE: usize = 10;

/// What a walk has seen.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) end: ListEnd,
    /// Sessions created from here on belong to the next run: two readings need not agree about them.
    compared_until: DateTime<Utc>,
    records: usize,
    rejects: usize,
    /// When the records were created: the first and the last.
    pub(super) created: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// There was a record whose id cannot be read.
    pub(super) has_nameless: bool,
}

impl Trace {
    /// Begins a walk over `window`; the walk before it held `read_before`.
    pub(super) fn after(read_before: Option<Reading>, window: &Window) -> Self {
        Self {
            end: ListEnd::after(read_before),
            compared_until: window.to,
            records: 0,
            rejects: 0,
            created: None,
            has_nameless: false,
        }
    }

    /// Takes a page in; the cursor to go on with, unless the list ended or a guard tripped.
    pub(super) fn follow(&mut self, page: &Page) -> Option<Cursor> {
        self.records += page.len();
        self.rejects += page.rejects.len();
        let seen_before = self.end.distinct();
        for session in page.records.iter().map(|record| &record.session) {
            self.end.see(fingerprint(&session.provider_session_id), session.created_at < self.compared_until);
            let at = session.created_at;
            self.created = Some(self.created.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        for reject in &page.rejects {
            let identity = reject.provider_record_id.as_ref().map_or_else(|| fingerprint(&reject.raw), fingerprint);
            self.end.see(identity, true);
        }
        self.has_nameless |= page.rejects.iter().any(|reject| reject.provider_record_id.is_none());
        let end = PageEnd {
            rows: page.len() as u64,
            page_size: page.page_size,
            total: page.total,
            next: page.next.as_ref(),
            past_end: page.past_end.as_ref(),
        };
        self.end.follow(end, seen_before)
    }

    /// Whether this failure to fetch the next page is the provider's word that there is none.
    pub(super) fn ends_with(&mut self, error: &PullError) -> bool {
        self.end.ends_with(error)
    }

    /// Whether the list held this record.
    pub(super) fn holds(&self, id: &ProviderRecordId) -> bool {
        self.end.holds(fingerprint(id))
    }

    /// So many records were rejected that not they are odd, but our reading of the provider.
    fn misread(&self) -> Option<String> {
        let borne = (self.records / REJECT_SHARE).max(REJECTS_BORNE);
        let is_misread = self.rejects > borne || (self.rejects > 0 && self.rejects * 2 > self.records);
        is_misread.then(|| format!("{} of {} records could not be normalized", self.rejects, self.records))
    }

    /// What the walk proves about its window, once it has ended with `last`.
    pub(super) fn finding(&self, window: Window, last: &Page) -> Finding {
        let is_ahead = window.from >= window.to;
        let unprovable = last.unprovable.filter(|_| !self.end.is_guarded()).map(str::to_owned);
        let doubt = unprovable
            .or_else(|| self.end.doubt().filter(|_| self.end.is_guarded() || self.end.miscount().is_some()))
            .or_else(|| self.misread())
            .or_else(|| self.end.doubt())
            .or_else(|| is_ahead.then(|| "the provider's clock lies before this range".to_owned()));
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let distinct_count = number(self.end.distinct());
        Finding { window, doubt, provider_total: self.end.total().map(number), distinct_count }
    }
}
