//! Cloudflare RealtimeKit: video meetings and livestreams.
//! <https://developers.cloudflare.com/api/resources/realtime_kit/subresources/sessions>.
//!
//! Limits: 1200 calls in 5 minutes for a token, over all of Cloudflare; after a breach everything is
//! refused for up to 5 minutes. Odd: nobody says whether pages count from 0 or 1, so the first page's
//! row numbers are looked at; the page size may be cut silently; there is no filter on changes, so
//! unsettled sessions are read again one by one. Must not know what is stored.

mod actions;
mod client;
mod normalize;
mod wire;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::connector::actions::Actions;
use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::ApiClient;
use crate::connector::{CheckReport, Connector, ConnectorSettings, OpenSet, StreamPolicy, no_such_stream};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Page, PageRequest};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::providers::listing::{self, FACT_PAGE_BASE};
use crate::providers::realtimekit::wire::SessionsAnswer;

/// No maximum is documented; this one is common and keeps an answer small.
const DEFAULT_PAGE_SIZE: u32 = 100;

/// Makes the connector. Configuration has made sure that account and app are given.
pub(super) fn connect(settings: ConnectorSettings) -> Arc<dyn Connector> {
    let page_base = OnceLock::new();
    match settings.facts.get(FACT_PAGE_BASE).map(String::as_str) {
        Some("0") => drop(page_base.set(0)),
        Some("1") => drop(page_base.set(1)),
        _ => {}
    }
    let account_id = settings.account_id.unwrap_or_default();
    let app_id = settings.app_id.unwrap_or_default();
    Arc::new(RealtimeKit {
        api: settings.api,
        sessions_path: client::sessions_path(&account_id, &app_id),
        page_size: settings.page_size.unwrap_or(DEFAULT_PAGE_SIZE).max(1),
        page_base,
    })
}

struct RealtimeKit {
    api: ApiClient,
    sessions_path: String,
    page_size: u32,
    /// The number of the first page, once known.
    page_base: OnceLock<u32>,
}

/// A place in the walk.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    page_no: u32,
    /// Rows of the pages before.
    seen: u64,
}

#[async_trait]
impl Connector for RealtimeKit {
    fn policy(&self, stream: Stream) -> Option<StreamPolicy> {
        (stream == Stream::Sessions).then_some(StreamPolicy {
            // Equal creation times have no documented order: a page border may drop one.
            overlap: TimeDelta::minutes(30),
            open_set: OpenSet::ByDetail { settling: TimeDelta::hours(2) },
            split_above_records: 2000,
        })
    }

    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        match listing::read_position::<Position>(request.cursor)? {
            None => self.first_page(request.window).await,
            Some(position) => {
                let answer = self.list(request.window, position.page_no).await?;
                Ok(page_of(answer, &position))
            }
        }
    }

    async fn fetch_session(&self, id: &ProviderRecordId, _: PageRequest<'_>) -> Result<Page, PullError> {
        let listing = client::session(&self.api, &self.sessions_path, id).await?;
        Ok(listing.map_or_else(Page::default, |listing| listing.into_page(normalize::session)))
    }

    fn actions(self: Arc<Self>) -> Option<Arc<dyn Actions>> {
        Some(self)
    }

    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError> {
        // Two rows a page: with one, the second row would have the number that a first page begins with.
        let base = self.page_base.get().copied();
        let page_no = base.unwrap_or(1);
        let answer = client::list_sessions(&self.api, &self.sessions_path, request.window, page_no, 2).await?;
        let base = base.or(match answer.start_offset {
            Some(first) if first > 1 => Some(0),
            Some(_) if answer.listing.rows() > 0 => Some(1),
            _ => None,
        });
        let page_base = base.map_or_else(|| "not known yet".to_owned(), |base| base.to_string());
        Ok(listing::check_report(&answer.listing, request.now, &[(FACT_PAGE_BASE, page_base)]))
    }
}

impl RealtimeKit {
    async fn list(&self, window: &Window, page_no: u32) -> Result<SessionsAnswer, PullError> {
        client::list_sessions(&self.api, &self.sessions_path, window, page_no, self.page_size).await
    }

    /// The first page, whichever number it has. Page 1 is asked for; where its row numbers begin above
    /// 1, page 0 is the first. Where it shows no row number (none given, or an empty page although the
    /// provider counts records), page 0 is asked for too and the two are compared.
    async fn first_page(&self, window: &Window) -> Result<Page, PullError> {
        let known = self.page_base.get().copied();
        let page_no = known.unwrap_or(1);
        let answer = self.list(window, page_no).await?;
        let (rows, total) = (answer.listing.rows(), answer.listing.total);
        let (base, answer) = match answer.start_offset {
            _ if page_no == 0 => (known, answer),
            Some(first) if first > 1 => (Some(0), self.list(window, 0).await?),
            Some(_) if rows > 0 => (Some(1), answer),
            _ if known.is_some() || total == Some(0) => (known, answer),
            _ => self.compare_with_page_0(window, answer).await?,
        };
        let mut page = page_of(answer, &Position { page_no: base.unwrap_or(page_no), seen: 0 });
        if let Some(base) = base.filter(|_| base != known) {
            // A walk beside this one may have learnt the same.
            let _ = self.page_base.set(base);
            page.facts.insert(FACT_PAGE_BASE, base.to_string());
        }
        Ok(page)
    }

    /// Page 0 is the first page if it holds other records than page 1. Refused, empty or the same, it
    /// is none, and page 1 is. The base is `None` where both are empty.
    async fn compare_with_page_0(
        &self,
        window: &Window,
        page_1: SessionsAnswer,
    ) -> Result<(Option<u32>, SessionsAnswer), PullError> {
        let page_0 = match self.list(window, 0).await {
            Err(error) if matches!(error.kind, PullErrorKind::Config | PullErrorKind::NotFound) => {
                return Ok((Some(1), page_1));
            }
            page_0 => page_0?,
        };
        let (rows_0, rows_1) = (page_0.listing.rows(), page_1.listing.rows());
        if rows_0 > 0 && page_0.listing.ids("id") != page_1.listing.ids("id") {
            return Ok((Some(0), page_0));
        }
        Ok(((rows_1 > 0).then_some(1), page_1))
    }
}

/// The provider's row number says how far it has come, since it may have cut the page size.
fn page_of(answer: SessionsAnswer, position: &Position) -> Page {
    let rows = answer.listing.rows();
    let seen = answer.end_offset.unwrap_or(position.seen + rows);
    let has_more = listing::has_more(rows, seen, answer.listing.total);
    let mut page = answer.listing.into_page(normalize::session);
    let next = Position { page_no: position.page_no.saturating_add(1), seen };
    page.next = has_more.then(|| listing::write_position(&next));
    page
}
