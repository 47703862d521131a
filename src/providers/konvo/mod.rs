//! Konvo AI: text chats. <https://docs.konvo.dev>, `GET /ai-sessions`.
//!
//! Limits: none are documented except 200 sessions a page. Peculiarities: there is no call for one chat. The vendor
//! does not document whether pages count from 0 or 1, so the second page of a walk is compared with the first. The
//! time filter is named "updated" and described as "created", so both must give correct results. Its upper end is
//! sent for past windows only: if it means "updated", a chat changed during the walk would leave a list that ends
//! near the present. This module must not know what is stored.

mod client;
mod normalize;
mod watched;
mod wire;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::connector::error::PullError;
use crate::connector::http::ApiClient;
use crate::connector::{
    CheckReport, Connector, ConnectorSettings, FACT_FILTER_MEANING, OpenSet, StoredBytes, StreamPolicy, no_such_stream,
};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Count, Page, PageRequest, Record, Reject, Room};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::providers::konvo::client::Range;
use crate::providers::listing::{self, FACT_PAGE_BASE, Listing};

/// The vendor's largest page.
const MAX_PAGE_SIZE: u32 = 200;
/// A window that ends this long before the present is past.
const HISTORY_AFTER: TimeDelta = TimeDelta::minutes(10);

/// How much a window is widened for listing.
const BORDER: TimeDelta = TimeDelta::milliseconds(1);

/// Creates the connector.
pub(super) fn connect(settings: ConnectorSettings) -> Arc<dyn Connector> {
    let page_base = Mutex::new(match settings.facts.get(FACT_PAGE_BASE).map(String::as_str) {
        Some("0") => Some(0),
        Some("1") => Some(1),
        _ => None,
    });
    let limit = settings.page_size.unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
    let filter_meaning = settings.facts.get(FACT_FILTER_MEANING).cloned();
    Arc::new(Konvo { api: settings.api, limit, page_base, filter_meaning })
}

struct Konvo {
    api: ApiClient,
    limit: u32,
    /// The number of the first page, once known.
    page_base: Mutex<Option<u32>>,
    /// What earlier runs learnt about the time filter.
    filter_meaning: Option<String>,
}

/// Position of a page in the list. The first page has none: it is requested without a number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListPosition {
    /// The second page while the base is not known, with the ids of the first to compare.
    Second { first_ids: Vec<String> },
    /// A page by its number, with the number of records before it.
    Numbered { number: u32, seen: u64 },
}

/// Result of comparing the page numbered 1 with the page without a number.
#[derive(Debug, PartialEq, Eq)]
enum Comparison {
    /// The same records: page numbers begin at 1.
    Same,
    /// No common record: page numbers begin at 0.
    Disjoint,
    /// The list changed in between; nothing is learnt.
    Unclear,
}

#[async_trait]
impl Connector for Konvo {
    fn policy(&self, stream: Stream) -> Option<StreamPolicy> {
        (stream == Stream::Sessions).then_some(StreamPolicy {
            overlap: TimeDelta::hours(1),
            open_set: OpenSet::ByListing,
            split_above_records: 2000,
        })
    }

    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let range = range(&listing::wider(request.window, BORDER), request.now);
        let mut page = match listing::read_position(request.cursor)? {
            None => self.first_page(&range).await?,
            Some(ListPosition::Numbered { number, seen }) => self.numbered_page(&range, number, seen).await?,
            Some(ListPosition::Second { first_ids }) => self.second_page(&range, &first_ids).await?,
        };
        let from = request.window.from.trunc_subsecs(3);
        let to = range.to.is_some().then_some(request.window.to);
        if let Some(meaning) = normalize::filter_meaning(&page, from, to) {
            page.facts.insert(FACT_FILTER_MEANING, meaning.to_owned());
        }
        Ok(page)
    }

    async fn count(&self, stream: Stream, request: PageRequest<'_>) -> Result<Count, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let range = range(request.window, request.now);
        let listing = self.list(&range, None, 1).await?;
        if listing.may_count_page() {
            return Ok(self.list(&range, None, 2).await?.count_of_two());
        }
        Ok(Count::of(listing.total))
    }

    async fn fetch_session(&self, _: &ProviderRecordId, _: PageRequest<'_>) -> Result<Page, PullError> {
        Err(PullError::contract("GET one session", "Konvo documents no call for a single session"))
    }

    fn read_record(&self, stored: StoredBytes<'_>) -> Result<Record, Reject> {
        listing::record_of(stored, normalize::session)
    }

    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError> {
        let listing = self.list(&range(request.window, request.now), None, 1).await?;
        let unknown = || "not known yet".to_owned();
        let page_base = self.page_base().as_ref().map_or_else(unknown, ToString::to_string);
        let meaning = self.filter_meaning.clone().unwrap_or_else(unknown);
        let findings = [(FACT_PAGE_BASE, page_base), (FACT_FILTER_MEANING, meaning)];
        Ok(listing::check_report(&listing, request.now, &findings))
    }
}

impl Konvo {
    /// Returns the number of the first page, as far as known. A base of 0 is checked again in each walk, which costs
    /// no extra call: if the order of the list had changed while it was learnt, pages would otherwise be misread for
    /// ever.
    fn page_base(&self) -> Option<u32> {
        *self.page_base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self, range: &Range, page: Option<u32>, limit: u32) -> Result<Listing, PullError> {
        client::list_sessions(&self.api, range, page, limit).await
    }

    async fn first_page(&self, range: &Range) -> Result<Page, PullError> {
        let listing = self.list(range, None, self.limit).await?.into_page_of_list(true)?;
        let seen = listing.rows();
        let next = match self.page_base() {
            Some(1) => ListPosition::Numbered { number: 2, seen },
            _ => ListPosition::Second { first_ids: listing.ids("id") },
        };
        Ok(self.page_of(listing, seen, &next))
    }

    async fn numbered_page(&self, range: &Range, number: u32, seen: u64) -> Result<Page, PullError> {
        let listing = self.list(range, Some(number), self.limit).await?.into_page_of_list(false)?;
        let seen = seen + listing.rows();
        Ok(self.page_of(listing, seen, &ListPosition::Numbered { number: number.saturating_add(1), seen }))
    }

    /// Fetches the second page, by either number. An unclear comparison loses nothing: the records are kept but not
    /// counted as progress, so that the walk reads one page more rather than one less. Base 1 is only learnt once
    /// page 2 holds other records, because a page beyond the end may repeat the last one.
    async fn second_page(&self, range: &Range, first_ids: &[String]) -> Result<Page, PullError> {
        let first_rows = first_ids.len() as u64;
        let mut listing = self.list(range, Some(1), self.limit).await?.into_page_of_list(false)?;
        let (base, mut page) = match compare(first_ids, &listing.ids("id")) {
            Comparison::Same => {
                listing.room = Room::default();
                let page = self.numbered_page(range, 2, first_rows).await?;
                if compare(first_ids, &ids_of(&page)) != Comparison::Disjoint {
                    return Ok(page);
                }
                (1, page)
            }
            Comparison::Disjoint => {
                let seen = first_rows + listing.rows();
                (0, self.page_of(listing, seen, &ListPosition::Numbered { number: 2, seen }))
            }
            Comparison::Unclear => {
                let next = ListPosition::Numbered { number: 2, seen: first_rows };
                return Ok(self.page_of(listing, first_rows, &next));
            }
        };
        *self.page_base.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
        page.facts.insert(FACT_PAGE_BASE, base.to_string());
        Ok(page)
    }

    fn page_of(&self, listing: Listing, seen: u64, next: &ListPosition) -> Page {
        let onward = listing::onward(listing.rows(), seen, listing.total, next);
        let mut page = listing.into_page(normalize::session);
        (page.next, page.past_end) = onward.into_cursors();
        page.page_size = u64::from(self.limit);
        page
    }
}

fn ids_of(page: &Page) -> Vec<String> {
    page.records.iter().map(|record| record.session.provider_session_id.to_string()).collect()
}

fn compare(first_ids: &[String], ids: &[String]) -> Comparison {
    let (first, second): (HashSet<&String>, HashSet<&String>) = (first_ids.iter().collect(), ids.iter().collect());
    if first.is_empty() || second.is_empty() {
        Comparison::Unclear
    } else if first == second {
        Comparison::Same
    } else if first.is_disjoint(&second) {
        Comparison::Disjoint
    } else {
        Comparison::Unclear
    }
}

fn range(window: &Window, now: DateTime<Utc>) -> Range {
    let is_history = window.to < now - HISTORY_AFTER;
    Range { from: listing::millis(window.from), to: is_history.then(|| listing::millis_up(window.to)) }
}
