//! Cloudflare RealtimeKit: video meetings and livestreams. See
//! <https://developers.cloudflare.com/api/resources/realtime_kit/subresources/sessions>.
//!
//! Limits: 1200 calls in 5 minutes for a token, over all of Cloudflare; after a breach every call is refused for up
//! to 5 minutes. Peculiarities: the vendor does not document whether pages count from 0 or 1, so the first page's row
//! numbers are checked. The page size may be reduced silently. There is no filter on changes, so unsettled sessions
//! are refreshed one by one. Chat, transcript and summary are files behind links that expire soon, and are kept for
//! seven days. This module must not know what is stored.
//!
//! Of the vendor's nine operations on sessions, seven are read. The others:
//!
//! - *Details of a participant* is deliberately not used: it has the same fields as the list of participants, one
//!   call for each.
//! - *Generate a summary* starts work that the customer pays for: polls never do so, only `actions`, on request.
//!
//! Of a report on a presence only the call statistics are requested (`filters=quality_stats`). Without a filter the
//! report contains address, town, network and devices of a person; data that is never sent to us need not be
//! protected or deleted. The price is that country, system and network are known only where the provider sends them
//! anyway.

mod actions;
mod artifacts;
mod client;
mod daily_totals;
mod files;
mod hooks;
mod normalize;
mod paging;
mod participant;
mod quality;
mod wire;

pub(super) use self::hooks::read_hook;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::connector::actions::Actions;
use crate::connector::download::Downloader;
use crate::connector::error::PullError;
use crate::connector::http::{ApiClient, Priority};
use crate::connector::{
    ArtifactPolicy, CheckReport, Connector, ConnectorSettings, OpenSet, StoredBytes, StreamPolicy, no_such_stream,
};
use crate::model::artifact::{ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Count, DayTotal, Page, PageRequest, Record, Reject};
use crate::model::stream::Stream;
use crate::providers::listing::{self, FACT_PAGE_BASE};
use crate::providers::realtimekit::client::FileKind;
use crate::providers::realtimekit::paging::Paging;

/// No maximum is documented; this one is common and keeps an answer small.
const DEFAULT_PAGE_SIZE: u32 = 100;

/// Creates the connector. Configuration guarantees that account and app are given.
pub(super) fn connect(settings: ConnectorSettings) -> Arc<dyn Connector> {
    let base = OnceLock::new();
    match settings.facts.get(FACT_PAGE_BASE).map(String::as_str) {
        Some("0") => drop(base.set(0)),
        Some("1") => drop(base.set(1)),
        _ => {}
    }
    let account_id = settings.account_id.unwrap_or_default();
    let app_id = settings.app_id.unwrap_or_default();
    let page_size = settings.page_size.unwrap_or(DEFAULT_PAGE_SIZE).max(1);
    Arc::new(RealtimeKit {
        depth_api: settings.api.with_priority(Priority::Depth),
        api: settings.api,
        downloads: settings.downloads,
        sessions_path: client::sessions_path(&account_id, &app_id),
        paging: Paging { page_size, base },
    })
}

struct RealtimeKit {
    api: ApiClient,
    /// The same client for per-session data: lists have priority over it.
    depth_api: ApiClient,
    downloads: Downloader,
    sessions_path: String,
    paging: Paging,
}

#[async_trait]
impl Connector for RealtimeKit {
    fn policy(&self, stream: Stream) -> Option<StreamPolicy> {
        (stream == Stream::Sessions).then_some(StreamPolicy {
            // The order of equal creation times is not documented: a page border may drop one.
            overlap: TimeDelta::minutes(30),
            open_set: OpenSet::ByDetail { settling: TimeDelta::hours(2) },
            split_above_records: 2000,
        })
    }

    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let list = client::sessions(&self.sessions_path, &listing::wider(request.window, client::BORDER));
        let step = self.paging.fetch(&self.api, &list, request.cursor).await?;
        let mut page = step.answer.listing.into_page(normalize::session);
        (page.next, page.past_end) = step.onward.into_cursors();
        page.page_size = step.page_size;
        page.facts.extend(step.learnt_base.map(|base| (FACT_PAGE_BASE, base.to_string())));
        Ok(page)
    }

    async fn count(&self, stream: Stream, request: PageRequest<'_>) -> Result<Count, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let list = client::sessions(&self.sessions_path, request.window);
        let base = self.paging.base.get().copied().unwrap_or(1);
        let listing = client::page(&self.api, &list, base, 1).await?.listing;
        if listing.may_count_page() {
            return Ok(client::page(&self.api, &list, base, 2).await?.listing.count_of_two());
        }
        Ok(Count::of(listing.total))
    }

    async fn daily_totals(&self, stream: Stream, request: PageRequest<'_>) -> Result<Option<Vec<DayTotal>>, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        daily_totals::read(&self.api, &self.sessions_path, request.window).await
    }

    async fn fetch_session(&self, id: &ProviderRecordId, _: PageRequest<'_>) -> Result<Page, PullError> {
        let listing = client::session(&self.api, &self.sessions_path, id).await?;
        Ok(listing.map_or_else(Page::default, |listing| listing.into_page(normalize::session)))
    }

    fn artifact_policy(&self, stream: Stream) -> Option<ArtifactPolicy> {
        artifacts::policy(stream)
    }

    async fn fetch_artifact(&self, stream: Stream, request: ArtifactRequest<'_>) -> Result<ArtifactAnswer, PullError> {
        let (api, path) = (&self.depth_api, &self.sessions_path);
        let kind = match stream {
            Stream::Sessions => return Err(no_such_stream(stream)),
            Stream::Participants => return artifacts::participants(api, path, &self.paging, &request).await,
            Stream::Quality => return artifacts::quality(api, path, &request).await,
            Stream::Chat => FileKind::Chat,
            Stream::Transcript => FileKind::Transcript,
            Stream::Summary => FileKind::Summary,
        };
        artifacts::file(api, &self.downloads, path, kind, &request).await
    }

    fn read_record(&self, stored: StoredBytes<'_>) -> Result<Record, Reject> {
        listing::record_of(stored, normalize::session)
    }

    fn read_artifact(
        &self,
        stream: Stream,
        bytes: &[u8],
        request: ArtifactRequest<'_>,
    ) -> Result<Option<ArtifactPage>, PullError> {
        artifacts::read(stream, bytes, &request)
    }

    fn actions(self: Arc<Self>) -> Option<Arc<dyn Actions>> {
        Some(self)
    }

    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError> {
        // Two rows a page: with one, the second row would have the number that a first page begins with.
        let base = self.paging.base.get().copied();
        let list = client::sessions(&self.sessions_path, &listing::wider(request.window, client::BORDER));
        let answer = client::page(&self.api, &list, base.unwrap_or(1), 2).await?;
        let base = base.or(match answer.start_offset {
            Some(first) if first > 1 => Some(0),
            Some(_) if answer.listing.rows() > 0 => Some(1),
            _ => None,
        });
        let page_base = base.map_or_else(|| "not known yet".to_owned(), |base| base.to_string());
        Ok(listing::check_report(&answer.listing, request.now, &[(FACT_PAGE_BASE, page_base)]))
    }
}
