//! KonPro: streamed avatars. <https://docs.konpro.ai>, `GET /v1/streaming/sessions`.
//!
//! Limits: the vendor's pages name 10 to 300 calls a minute, and 100 a day for a trial key.
//! Peculiarities: pages are addressed by number or by token, depending on the answer. The filter's field and the sort
//! order are not documented. No field says when a session changed, so the last two days are read again. The same
//! address may answer with the active sessions only, which proves nothing about the history. This module must not
//! know how often it is called, or what is stored.

mod client;
mod launch;
mod launch_request;
mod normalize;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::connector::actions::Actions;
use crate::connector::error::PullError;
use crate::connector::http::ApiClient;
use crate::connector::{CheckReport, Connector, ConnectorSettings, OpenSet, StoredBytes, StreamPolicy, no_such_stream};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Count, More, Page, PageRequest, Record, Reject};
use crate::model::stream::Stream;
use crate::providers::konpro::client::PageRef;
use crate::providers::konpro::wire::SessionsAnswer;
use crate::providers::listing::{self, Onward};

/// The vendor's default of 10 would take ten times the calls.
const DEFAULT_PAGE_SIZE: u32 = 100;

/// The reason why the second documented answer proves nothing.
const ACTIVE_LIST: &str = "the provider returned its active sessions, not the history";

/// Creates the connector.
pub(super) fn connect(settings: ConnectorSettings) -> Arc<dyn Connector> {
    let page_size = settings.page_size.unwrap_or(DEFAULT_PAGE_SIZE).max(1);
    Arc::new(KonPro { api: settings.api, page_size })
}

struct KonPro {
    api: ApiClient,
    page_size: u32,
}

/// Position of a page in the list.
#[derive(Debug, Serialize, Deserialize)]
struct ListPosition {
    page: PageRef,
    /// Number of records on the previous pages.
    seen: u64,
}

#[async_trait]
impl Connector for KonPro {
    fn policy(&self, stream: Stream) -> Option<StreamPolicy> {
        (stream == Stream::Sessions).then_some(StreamPolicy {
            overlap: TimeDelta::hours(48),
            open_set: OpenSet::ByListing,
            split_above_records: 2000,
        })
    }

    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let first = ListPosition { page: PageRef::Page(1), seen: 0 };
        let position = listing::read_position(request.cursor)?.unwrap_or(first);
        let range = listing::wider(request.window, client::BORDER);
        let mut answer = client::list_sessions(&self.api, &range, &position.page, self.page_size).await?;
        answer.listing = answer.listing.into_page_of_list(request.cursor.is_none())?;
        Ok(Page { page_size: u64::from(self.page_size), ..page_of(answer, &position, request.now) })
    }

    async fn count(&self, stream: Stream, request: PageRequest<'_>) -> Result<Count, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let first = PageRef::Page(1);
        let list = |size| client::list_sessions(&self.api, request.window, &first, size);
        let answer = list(1).await?;
        if answer.is_active_list {
            return Ok(Count { total: None, why_not: Some(ACTIVE_LIST) });
        }
        if answer.listing.may_count_page() {
            return Ok(list(2).await?.listing.count_of_two());
        }
        Ok(Count::of(answer.listing.total))
    }

    async fn fetch_session(&self, _: &ProviderRecordId, _: PageRequest<'_>) -> Result<Page, PullError> {
        Err(PullError::contract("GET one session", "KonPro documents no call for a single session"))
    }

    fn read_record(&self, stored: StoredBytes<'_>) -> Result<Record, Reject> {
        let read =
            listing::record_of(stored, |raw, drift| normalize::session(raw, stored.now, stored.is_partial, drift));
        read.map_err(|reject| Reject { is_partial: stored.is_partial, ..reject })
    }

    fn actions(self: Arc<Self>) -> Option<Arc<dyn Actions>> {
        Some(self)
    }

    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError> {
        let answer = client::list_sessions(&self.api, request.window, &PageRef::Page(1), 1).await?;
        let shape = if answer.is_active_list { "active sessions only" } else { "history" };
        let paging = if answer.next_token.is_some() { "token" } else { "number" };
        let findings = [("answer_shape", shape.to_owned()), ("paging", paging.to_owned())];
        Ok(listing::check_report(&answer.listing, request.now, &findings))
    }
}

fn page_of(answer: SessionsAnswer, position: &ListPosition, now: DateTime<Utc>) -> Page {
    let is_active_list = answer.is_active_list;
    let onward = onward(&answer, position);
    let has_token = answer.next_token.is_some();
    let mut page = answer.listing.into_page(|raw, drift| normalize::session(raw, now, is_active_list, drift));
    for reject in &mut page.rejects {
        reject.is_partial = is_active_list;
    }
    if has_token {
        page.more = More::Token;
    }
    (page.next, page.past_end) = onward.into_cursors();
    page.unprovable = is_active_list.then_some(ACTIVE_LIST);
    page
}

/// Returns where the list continues. A token is preferred to numbers. After the first token, the end is a page
/// without one; an empty page may come before, unless as many records were received as the vendor counts. By number,
/// only the count of received records matters: the vendor may have reduced the page size.
fn onward(answer: &SessionsAnswer, position: &ListPosition) -> Onward {
    let rows = answer.listing.rows();
    let total = answer.listing.total;
    let seen = position.seen + rows;
    let is_over = rows == 0 && (answer.next_token.is_none() || total.is_some_and(|total| seen >= total));
    if answer.is_active_list || is_over {
        return Onward::End;
    }
    match (&answer.next_token, &position.page) {
        (Some(token), _) => {
            Onward::Next(listing::write_position(&ListPosition { page: PageRef::Token(token.clone()), seen }))
        }
        (None, PageRef::Page(number)) => {
            let next = ListPosition { page: PageRef::Page(number.saturating_add(1)), seen };
            listing::onward(rows, seen, total, &next)
        }
        (None, PageRef::Token(_)) => Onward::End,
    }
}
