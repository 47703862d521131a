//! What a walk has seen: the evidence, and the guards against lists without end.
//!
//! Takes pages in and says what they prove. Fetches and saves nothing.

use std::collections::{HashSet, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};

use chrono::{DateTime, Utc};

use crate::model::id::ProviderRecordId;
use crate::model::page::{Cursor, Page};
use crate::model::time::Window;
use crate::store::window::Finding;

/// Pages of one walk: beyond this a provider repeats itself in a way the guards do not see.
const MAX_PAGES: u64 = 20_000;
/// Empty pages in a row that say that there is more.
const MAX_EMPTY_PAGES: u32 = 100;
/// More rejects than one in so many records leave a window unproven.
const REJECT_SHARE: usize = 20;
/// So many rejects are borne, unless they are more than half of all records.
const REJECTS_BORNE: usize = 10;

/// What a walk has seen: the evidence, and the guards against lists without end.
#[derive(Debug, Default)]
pub(super) struct Trace {
    seen: HashSet<u64>,
    cursors: HashSet<Cursor>,
    pub(super) page_count: u64,
    empty_pages: u32,
    /// Distinct records of the walk before, where the same range was walked.
    held_before: Option<i64>,
    total: Option<u64>,
    /// The count fell between two pages, whatever it rose to afterwards: what stood behind the vanished record moved up
    /// by one, across the border of a page that was read already.
    has_shrunk: bool,
    records: usize,
    rejects: usize,
    /// When the records were created: the first and the last.
    pub(super) created: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// There was a record whose id cannot be read.
    pub(super) has_nameless: bool,
    /// Which guard tripped.
    pub(super) guard: Option<String>,
}

impl Trace {
    /// Begins; the walk of the same range before held `held_before` records.
    pub(super) fn after(held_before: Option<i64>) -> Self {
        Self { held_before, ..Self::default() }
    }

    /// Takes a page in; the cursor to go on with, unless the list ended or a guard tripped.
    pub(super) fn follow(&mut self, page: &Page) -> Option<Cursor> {
        self.page_count += 1;
        self.records += page.len();
        self.rejects += page.rejects.len();
        let before = self.seen.len();
        let ids = page.records.iter().map(|record| fingerprint(&record.session.provider_session_id));
        let rejects = page.rejects.iter().map(|reject| match &reject.provider_record_id {
            Some(id) => fingerprint(id),
            None => fingerprint(&reject.raw),
        });
        self.seen.extend(ids.chain(rejects));
        self.has_nameless |= page.rejects.iter().any(|reject| reject.provider_record_id.is_none());
        for at in page.records.iter().map(|record| record.session.created_at) {
            self.created = Some(self.created.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        if page.total.is_some() {
            self.has_shrunk |= page.total < self.total;
            self.total = page.total;
        }
        self.empty_pages = if page.is_empty() { self.empty_pages + 1 } else { 0 };
        let next = page.next.clone()?;
        if !page.is_empty() && self.seen.len() == before {
            self.guard = Some("the provider repeated a page without end in sight".to_owned());
        } else if !self.cursors.insert(next.clone()) {
            self.guard = Some("the provider's page tokens run in a circle".to_owned());
        } else if self.empty_pages >= MAX_EMPTY_PAGES {
            self.guard = Some("the provider sends empty pages without end in sight".to_owned());
        } else if self.page_count >= MAX_PAGES {
            self.guard = Some(format!("the list did not end within {MAX_PAGES} pages"));
        }
        if self.guard.is_some() { None } else { Some(next) }
    }

    /// Whether the list held this record.
    pub(super) fn holds(&self, id: &ProviderRecordId) -> bool {
        self.seen.contains(&fingerprint(id))
    }

    /// Whether the provider counted what it listed.
    pub(super) fn is_counted(&self) -> bool {
        self.total.is_some()
    }

    /// How the provider's count disagrees with what it listed.
    pub(super) fn miscount(&self) -> Option<String> {
        let distinct = self.seen.len() as u64;
        match self.total {
            Some(total) if distinct < total => {
                Some(format!("the provider counts {total} records, the list held {distinct} distinct ones"))
            }
            _ if self.has_shrunk => Some("records vanished while the list was read".to_owned()),
            _ => None,
        }
    }

    /// So many records were rejected that not they are odd, but our reading of the provider.
    fn misread(&self) -> Option<String> {
        let borne = (self.records / REJECT_SHARE).max(REJECTS_BORNE);
        let is_misread = self.rejects > borne || (self.rejects > 0 && self.rejects * 2 > self.records);
        is_misread.then(|| format!("{} of {} records could not be normalized", self.rejects, self.records))
    }

    /// Without a count, a list that ends early looks like one that ends: it takes two walks in a row that hold as much.
    fn unconfirmed(&self) -> Option<String> {
        let held = i64::try_from(self.seen.len()).unwrap_or(i64::MAX);
        let is_confirmed = self.is_counted() || self.held_before == Some(held);
        (!is_confirmed).then(|| "the provider does not count, and no second reading held as many records".to_owned())
    }

    /// What the walk proves about its window, once it has ended with `last`.
    pub(super) fn finding(&self, window: Window, last: &Page) -> Finding {
        let is_ahead = window.from >= window.to;
        let doubt = self
            .guard
            .clone()
            .or_else(|| last.unprovable.map(str::to_owned))
            .or_else(|| self.miscount())
            .or_else(|| self.misread())
            .or_else(|| self.unconfirmed())
            .or_else(|| is_ahead.then(|| "the provider's clock lies before this range".to_owned()));
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let distinct_count = number(self.seen.len() as u64);
        Finding { window, doubt, provider_total: self.total.map(number), distinct_count }
    }
}

fn fingerprint(identity: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    hasher.finish()
}
