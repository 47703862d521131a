//! The rule for the end of a list, shared by all kinds of lists.
//!
//! A list ends where the provider says so: its last token was used, a page is empty, as many distinct records were
//! received as the provider counts, the page after the end is refused, or a page has no new record. Providers break
//! each of these rules, so each needs evidence:
//!
//! - A count proves an end if the provider stated it before the end. A count that equals the number listed so far,
//!   on a page that may be full, may be the size of the page, of the list so far, or a cap. The next page is
//!   requested; if it has more records, the count is ignored for the rest of the walk.
//! - Without a count, two readings in a row must hold the same records.
//! - A refusal of the first page is an error and no end. While the provider counts more than it listed, or says that
//!   the list goes on, a refusal or a repeated page ends the reading and leaves it in doubt.
//!
//! This module receives pages and returns what they prove. It fetches and saves nothing.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use crate::connector::error::{PullError, PullErrorKind};
use crate::model::page::{Cursor, More, Reject};

/// Page limit of one reading: beyond it the provider repeats itself in a way the other guards do not detect.
const MAX_PAGES: u64 = 20_000;
/// Number of empty pages in a row, each stating that there is more, that ends a reading.
const MAX_EMPTY_PAGES: u32 = 100;
/// Number of pages in a row without a new record that end a list without a count. One may be a page that moved.
const MAX_STALE_PAGES: u32 = 2;
/// Round numbers at which providers cap lists, counts and pages.
const ROUND_LISTS: u64 = 1_000;
const ROUND_PAGES: [u64; 2] = [10, 25];
/// Records of a first page that may be a cap of any length, by number or by size.
const CAPPED_PAGE: u64 = 20;

/// Statement of a page about the list, beside its records.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageEnd<'a> {
    /// Number of records in the page.
    pub(super) rows: u64,
    /// Number of records requested; 0 where unknown.
    pub(super) page_size: u64,
    /// Number of records in the list, as stated by the provider.
    pub(super) total: Option<u64>,
    /// Start of the next page.
    pub(super) next: Option<&'a Cursor>,
    /// Start of the next page if the list continues where only the count says that it ends.
    pub(super) past_end: Option<&'a Cursor>,
    /// Whether the provider says that the list goes on.
    pub(super) more: More,
}

/// The records of a reading, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reading {
    count: usize,
    sum: u64,
}

/// The provider's count of the list, page by page.
#[derive(Debug, Default)]
struct ProviderCount {
    total: Option<u64>,
    /// The count fell between two pages, even if it rose afterwards: the records behind the removed one moved up by
    /// one, possibly across the border of a page that was already read.
    has_shrunk: bool,
    /// The list continued beyond its count, which therefore counts something else.
    is_refuted: bool,
}

/// State of reading a list: the evidence, and the guards against endless lists.
#[derive(Debug, Default)]
pub(super) struct ListEnd {
    seen: HashSet<u64>,
    reading: Reading,
    cursors: HashSet<Cursor>,
    pub(super) page_count: u64,
    /// Number of pages that had new records.
    new_pages: u64,
    /// Rows of the longest page so far.
    longest_page: u64,
    empty_pages: u32,
    stale_pages: u32,
    /// The previous reading of the same list, if there was one.
    read_before: Option<Reading>,
    counted: ProviderCount,
    counts_lists: bool,
    /// The count said that the list has ended, and the page after that was requested.
    was_claimed: bool,
    /// What the last page said about a next one.
    more: More,
    /// The provider's refusal of the page after the last one.
    refusal: Option<String>,
    /// The guard that ended the reading.
    guard: Option<String>,
}

impl ListEnd {
    /// Begins a reading; `read_before` is the previous reading of the same list. `counts_lists`: the provider is known
    /// to count lists, and not the records of a page, since a list of one record stated more.
    pub(super) fn after(read_before: Option<Reading>, counts_lists: bool) -> Self {
        Self { read_before, counts_lists, ..Self::default() }
    }

    /// Adds a record by its [`fingerprint`], and returns whether it is new. `is_compared`: the next reading must hold
    /// it too.
    pub(super) fn see(&mut self, identity: u64, is_compared: bool) -> bool {
        let is_new = self.seen.insert(identity);
        if is_new && is_compared {
            self.reading.count += 1;
            self.reading.sum = self.reading.sum.wrapping_add(identity);
        }
        is_new
    }

    /// Adds a page whose records were [seen](Self::see), `seen_before` of them before it. Returns the next cursor,
    /// unless the list ended or a guard stopped it.
    pub(super) fn follow(&mut self, page: PageEnd<'_>, seen_before: u64) -> Option<Cursor> {
        self.page_count += 1;
        let distinct = self.distinct();
        let is_new = distinct > seen_before;
        self.new_pages += u64::from(is_new);
        if page.total.is_some() {
            self.counted.has_shrunk |= page.total < self.counted.total;
            self.counted.total = page.total;
        }
        self.counted.is_refuted |=
            (self.was_claimed && is_new) || self.counted.total.is_some_and(|total| total < distinct);
        self.empty_pages = if page.rows == 0 { self.empty_pages + 1 } else { 0 };
        self.stale_pages = if page.rows > 0 && !is_new { self.stale_pages + 1 } else { 0 };
        let is_full = self.is_full(page);
        let more = match page.more {
            More::Pages(count) if count > self.new_pages => More::Flag,
            More::Pages(_) => More::Unsaid,
            more => more,
        };
        let said_before = std::mem::replace(&mut self.more, more);
        if page.rows == 0 && said_before == More::Flag && !self.is_counted() && self.refusal.is_none() {
            self.guard = Some("the provider says that the list goes on, and sends an empty page".to_owned());
            return None;
        }
        self.longest_page = self.longest_page.max(page.rows);
        if self.has_gone_stale() {
            return None;
        }
        let next = match (page.next, page.past_end) {
            (Some(next), _) => next,
            (None, Some(past_end)) if self.counted.is_refuted || is_full || more != More::Unsaid => {
                self.was_claimed = true;
                past_end
            }
            _ => {
                if more == More::Flag && !self.is_counted() {
                    self.guard = Some("the provider says that the list goes on, and not where".to_owned());
                }
                return None;
            }
        };
        if !self.cursors.insert(next.clone()) {
            self.guard = Some("the provider's page tokens form a cycle".to_owned());
        } else if self.empty_pages >= MAX_EMPTY_PAGES {
            self.guard = Some("the provider keeps sending empty pages".to_owned());
        } else if self.page_count >= MAX_PAGES {
            self.guard = Some(format!("the list did not end within {MAX_PAGES} pages"));
        }
        if self.guard.is_some() { None } else { Some(next.clone()) }
    }

    /// Whether the list ends because pages have no new records. While the provider counts more, or counts nothing and
    /// says that the list goes on, that is a guard.
    fn has_gone_stale(&mut self) -> bool {
        let borne = if self.is_counted() && !self.is_overdue() { 1 } else { MAX_STALE_PAGES };
        if self.stale_pages < borne {
            return false;
        }
        if self.is_overdue() || (!self.is_counted() && self.more != More::Unsaid) {
            self.guard = Some("the provider keeps repeating a page".to_owned());
        }
        true
    }

    /// Whether a page has full length: as requested, or as long as the longest one before it. For a first page that
    /// the provider may have capped: a multiple of usual caps, or more than a few records.
    fn is_full(&self, page: PageEnd<'_>) -> bool {
        let is_round = ROUND_PAGES.iter().any(|round| page.rows > 0 && page.rows.is_multiple_of(*round));
        match self.page_count {
            1 => {
                let may_be_capped = !self.counts_lists && page.rows >= CAPPED_PAGE;
                is_round || may_be_capped || (page.page_size > 0 && page.rows >= page.page_size)
            }
            _ => page.rows > 0 && (page.rows >= self.longest_page || page.rows == page.page_size),
        }
    }

    /// Whether this failure to fetch the page after the last one means that there is none.
    pub(super) fn ends_with(&mut self, error: &PullError) -> bool {
        // a missing list may mean the end, but never for a page that the provider counts
        let is_broken = error.kind == PullErrorKind::NoList && self.is_overdue();
        let is_end = self.page_count > 0 && error.refuses_page() && !is_broken;
        if is_end && self.more != More::Unsaid && !self.is_counted() {
            self.guard = Some(format!("the provider says that the list goes on, then refused the next page ({error})"));
        }
        if is_end {
            self.refusal = Some(error.to_string());
        }
        is_end
    }

    /// Whether the list held this record.
    pub(super) fn holds(&self, identity: u64) -> bool {
        self.seen.contains(&identity)
    }

    /// Returns the number of distinct records so far.
    pub(super) fn distinct(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Returns the records of this reading.
    pub(super) fn reading(&self) -> Reading {
        self.reading
    }

    /// Returns the provider's count, where it states one.
    pub(super) fn total(&self) -> Option<u64> {
        self.counted.total.filter(|_| !self.counted.is_refuted)
    }

    /// Whether the provider states a count of its list.
    pub(super) fn is_counted(&self) -> bool {
        self.total().is_some()
    }

    /// Whether a guard ended the reading.
    pub(super) fn is_guarded(&self) -> bool {
        self.guard.is_some()
    }

    fn is_overdue(&self) -> bool {
        self.counted.total.is_some_and(|total| total > self.distinct())
    }

    /// Whether a list without a count holds a round number of records, at which lists are usually cut off.
    pub(super) fn may_be_cut_off(&self) -> bool {
        !self.is_counted() && self.distinct() > 0 && self.distinct().is_multiple_of(ROUND_LISTS)
    }

    /// Describes how the provider's count disagrees with its list.
    pub(super) fn miscount(&self) -> Option<String> {
        let distinct = self.distinct();
        let refusal = self.refusal.as_ref().map(|refusal| format!(", then refused the next page ({refusal})"));
        match self.counted.total {
            Some(total) if distinct < total => Some(format!(
                "the provider counts {total} records, the list contains {distinct} distinct ones{}",
                refusal.unwrap_or_default()
            )),
            _ if self.counted.has_shrunk && !self.counted.is_refuted => {
                Some("records disappeared while the list was read".to_owned())
            }
            _ => None,
        }
    }

    /// Describes the missing confirmation: without a count, a truncated list looks like a complete one.
    fn unconfirmed(&self) -> Option<String> {
        let is_confirmed = self.is_counted() || self.read_before == Some(self.reading);
        (!is_confirmed)
            .then(|| "the provider returns no count, and no second reading returned the same records".to_owned())
    }

    /// Returns why the list may be longer than what was read; `None`: it was read to its end.
    pub(super) fn doubt(&self) -> Option<String> {
        self.guard.clone().or_else(|| self.miscount()).or_else(|| self.unconfirmed())
    }
}

/// Hashes an identity.
pub(super) fn fingerprint(identity: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    hasher.finish()
}

/// Returns the identity of each reject of a page. Equal ones without an id are as many records as there are.
pub(super) fn identities(rejects: &[Reject]) -> Vec<u64> {
    let mut nameless: HashMap<&[u8], u32> = HashMap::new();
    let identity = |reject: &Reject, count: u32| match &reject.provider_record_id {
        Some(id) => fingerprint(id),
        None => fingerprint(&(&reject.raw, count)),
    };
    let mut identities = Vec::with_capacity(rejects.len());
    for reject in rejects {
        let count = nameless.entry(&reject.raw).or_default();
        *count += 1;
        identities.push(identity(reject, *count));
    }
    identities
}
