//! Shared parts of the three lists: parameters, selection, paging.
//!
//! The provider files define how each provider spells its parameters and its answer; the steps in between are here.
//! Only the records on the page are rendered. This module does not depend on paths or envelopes.

use chrono::{DateTime, Utc};

use crate::feed::{Bounds, Entry, Feed};
use crate::quirks::{FilterMeaning, ListOrder, Quirks};

/// A request, with everything that decides its answer.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) path: &'a str,
    pub(super) parameters: &'a [(String, String)],
    pub(super) now: DateTime<Utc>,
    pub(super) quirks: &'a Quirks,
    pub(super) list_fault: ListFault,
    pub(super) feed: &'a dyn Feed,
    /// The body of a `POST`; `None` for a `GET`.
    pub(super) posted: Option<&'a [u8]>,
    /// A unique number for each `POST`.
    pub(super) serial: u64,
    /// Base address of links to files.
    pub(super) files_base_url: &'a str,
}

/// Changes that a fault makes to a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ListFault {
    pub(super) without_list_key: bool,
    pub(super) empty_page: bool,
    pub(super) short_page: bool,
    pub(super) page_cycle: Option<usize>,
}

/// An answer without the headers that every answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Returns JSON with a status.
    pub(super) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Returns the refusal of a `POST` where only `GET` exists, or the reverse.
    pub(super) fn method_not_allowed() -> Self {
        Self::json(405, r#"{"message":"Method Not Allowed"}"#)
    }
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct ListPage {
    /// The records, comma-separated.
    pub(super) records: String,
    /// Number of records on the page.
    pub(super) len: usize,
    /// Number of records that match in all.
    pub(super) total: usize,
    /// Number of matching records before this page.
    pub(super) offset: usize,
    /// Index of the page, from 0.
    pub(super) index: usize,
    /// Whether a page follows.
    pub(super) has_next: bool,
}

impl Call<'_> {
    /// Returns a parameter's value; an empty one counts as absent.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns whether a parameter is `true` or `1`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// Returns the entries that match the time filter, oldest first.
    pub(super) fn select(&self, bounds: Bounds) -> Vec<Entry> {
        let is_end = |at: DateTime<Utc>| bounds.from == Some(at) || bounds.to == Some(at);
        let mut entries = match self.quirks.filter_meaning {
            FilterMeaning::Created => {
                let mut entries = self.feed.created_between(bounds, self.now);
                entries.retain(|entry| !(self.quirks.exclusive_bounds && is_end(entry.created_at)));
                return entries;
            }
            FilterMeaning::Updated | FilterMeaning::Ignored => self.feed.index(self.now),
        };
        if self.quirks.filter_meaning == FilterMeaning::Updated {
            entries.retain(|entry| bounds.contains(entry.updated_at));
            entries.retain(|entry| !(self.quirks.exclusive_bounds && is_end(entry.updated_at)));
        }
        entries
    }

    /// Keeps the records whose `status` is `wanted`. Renders all records that match the other filters; regular polls
    /// do not use this filter.
    pub(super) fn retain_status(&self, entries: &mut Vec<Entry>, wanted: &str) {
        entries.retain(|entry| self.member(entry.key, "status").is_some_and(|status| status == wanted));
    }

    /// Returns a member of a record, as JSON if it is no string. Renders the record.
    pub(super) fn member(&self, key: usize, name: &str) -> Option<String> {
        let json = self.feed.render(key, self.now)?;
        let record: serde_json::Value = serde_json::from_str(&json).ok()?;
        let value = record.get(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// Returns page `index`, from 0, of `entries` in the given order. `shape` is applied to each record.
    pub(super) fn page(
        &self,
        entries: &[Entry],
        index: usize,
        size: usize,
        shape: impl Fn(String) -> String,
    ) -> ListPage {
        let mut entries = entries.to_vec();
        match self.quirks.order {
            ListOrder::AsAsked => {}
            ListOrder::Reversed => entries.reverse(),
            ListOrder::Shuffled(seed) => entries.sort_by_key(|entry| shuffled(entry.key, seed)),
        }
        // A record that has been removed leaves a shorter page, as it would at the provider.
        self.page_of(&entries, index, size, |entry| self.feed.render(entry.key, self.now).map(&shape))
    }

    /// Returns a page of any items, which `render` turns into records.
    pub(super) fn page_of<T>(
        &self,
        all: &[T],
        index: usize,
        size: usize,
        render: impl Fn(&T) -> Option<String>,
    ) -> ListPage {
        let index = self.list_fault.page_cycle.map_or(index, |length| index % length.max(1));
        let last = all.len().saturating_sub(1) / size;
        let index = if self.quirks.repeats_last_page { index.min(last) } else { index };
        let reachable = all.len().min(self.quirks.reachable_max.unwrap_or(usize::MAX));
        let offset = index.saturating_mul(size).min(reachable);
        let end = offset.saturating_add(size).min(reachable);
        let shown = if self.list_fault.empty_page { &[] } else { &all[offset..end] };
        let shown = if self.list_fault.short_page { &shown[..shown.len() / 2] } else { shown };
        let (mut records, mut len) = (String::new(), 0);
        for item in shown {
            let Some(json) = render(item) else { continue };
            if len > 0 {
                records.push(',');
            }
            records.push_str(&self.quirks.reshape(json));
            len += 1;
        }
        ListPage { records, len, total: all.len(), offset, index, has_next: end < reachable }
    }

    /// Returns the size of pages after the silent limits.
    pub(super) fn clamp_size(&self, size: usize, limit: usize) -> usize {
        let size = self.quirks.page_size_always.unwrap_or(size);
        size.min(limit).min(self.quirks.page_size_max.unwrap_or(usize::MAX)).max(1)
    }
}

/// Returns the position of a record in a shuffled list: `SplitMix64`, so that it is the same on every machine.
fn shuffled(key: usize, seed: u64) -> u64 {
    let mixed = (key as u64).wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
