//! The three connectors over real HTTP, against scripted responses: the vendors' samples with
//! values computed by hand, both page bases, and all other kinds of responses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod acceptance;
mod bad_records;
pub(crate) mod conformance;
mod conformance_lists;
mod fourth;
mod konpro;
mod konvo;
mod realtimekit;
mod realtimekit_artifacts;
mod realtimekit_chat;
mod realtimekit_contract;
mod realtimekit_files;
mod realtimekit_hostile_files;
mod realtimekit_links;
mod realtimekit_odd_files;
mod realtimekit_participants;
mod realtimekit_quality;
mod realtimekit_summaries;
mod realtimekit_transcripts;
mod samples;
pub(crate) mod scripted_server;
mod transport;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tributary::clock::{Dice, SystemClock};
use tributary::connector::download::target::AddressPolicy;
use tributary::connector::download::{DownloadLimits, Downloader};
use tributary::connector::error::PullError;
use tributary::connector::http::{ApiClient, HttpLimits, Priority, http_client};
use tributary::connector::limits::CallBudget;
use tributary::connector::{Connector, ConnectorSettings};
use tributary::model::id::SourceSlug;
use tributary::model::page::{Cursor, DriftItem, Page, PageRequest};
use tributary::model::session::Session;
use tributary::model::stream::Stream;
use tributary::model::time::Window;
use tributary::providers;

/// The credential of every test; it must appear only in its header.
pub(crate) const KEY: &str = "key-0123456789-do-not-tell";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Creates a connector of `provider` at `base_url`, with settings changed by `change`.
pub(crate) fn connect_with(
    provider: &str,
    base_url: &str,
    change: impl FnOnce(&mut ConnectorSettings),
) -> Arc<dyn Connector> {
    let entry = providers::entry(provider).unwrap();
    let limits = HttpLimits::default();
    let downloads = DownloadLimits { max_file_bytes: 1024 * 1024, ..DownloadLimits::default() };
    let mut settings = ConnectorSettings {
        slug: SourceSlug::parse("test").unwrap(),
        account_id: Some("acc".to_owned()),
        app_id: Some("app".to_owned()),
        page_size: None,
        facts: BTreeMap::new(),
        api: ApiClient {
            large: tributary::connector::body::LargeAnswers::default(),
            http: http_client(limits).unwrap(),
            base_url: base_url.parse().unwrap(),
            credential: entry.credential,
            api_key: KEY.into(),
            budget: Arc::new(CallBudget::per_minute(60_000)),
            priority: Priority::Live,
            default_retry_after: TimeDelta::seconds(60),
            limits,
            clock: Arc::new(SystemClock),
            dice: Arc::new(Dice::seeded(1)),
        },
        downloads: Downloader::new(downloads, AddressPolicy::Loopback, Arc::new(Dice::seeded(1))).unwrap(),
    };
    change(&mut settings);
    (entry.connect)(settings)
}

pub(crate) fn connect(provider: &str, base_url: &str) -> Arc<dyn Connector> {
    connect_with(provider, base_url, |_| {})
}

/// The first quarter of 2026, as seen in the evening of 4 March.
pub(crate) fn window() -> Window {
    Window { from: at("2026-01-01T00:00:00Z"), to: at("2026-04-01T00:00:00Z") }
}

pub(crate) const NOW: &str = "2026-03-04T20:00:00Z";

pub(crate) async fn fetch_at(
    connector: &dyn Connector,
    window: &Window,
    cursor: Option<&Cursor>,
    now: &str,
) -> Result<Page, PullError> {
    connector.fetch_page(Stream::Sessions, PageRequest { window, cursor, now: at(now) }).await
}

pub(crate) async fn first_page(connector: &dyn Connector) -> Result<Page, PullError> {
    fetch_at(connector, &window(), None, NOW).await
}

/// Returns all pages up to the end.
pub(crate) async fn walk(connector: &dyn Connector) -> Vec<Page> {
    let mut pages = vec![first_page(connector).await.unwrap()];
    while let Some(cursor) = pages.last().unwrap().next.clone() {
        assert!(pages.len() < 20, "the walk does not end");
        pages.push(fetch_at(connector, &window(), Some(&cursor), NOW).await.unwrap());
    }
    pages
}

/// Returns the sessions of all pages.
pub(crate) fn sessions(pages: &[Page]) -> Vec<&Session> {
    pages.iter().flat_map(|page| &page.records).map(|record| &record.session).collect()
}

/// Returns the first eight characters of the ids.
pub(crate) fn short_ids(pages: &[Page]) -> Vec<&str> {
    sessions(pages).into_iter().map(|session| &session.provider_session_id.as_str()[..8]).collect()
}

/// Counts the records with this deviation; the response around them counts as one more.
pub(crate) fn drift(page: &Page, kind: &'static str, path: &str, value: &str) -> usize {
    let drift = DriftItem { kind, path: path.to_owned(), value: value.to_owned() };
    let of_records = page.records.iter().map(|record| &record.drift);
    of_records.chain([&page.drift]).filter(|found| found.contains(&drift)).count()
}

#[test]
fn every_provider_has_a_row_and_a_policy() {
    let names: Vec<&str> = providers::ALL.iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["konpro", "konvo", "realtimekit"]);
    for entry in &providers::ALL {
        assert!(entry.default_base_url.starts_with("https://"));
        assert_eq!(entry.default_schedule.split(' ').count(), 6);
        assert!(connect(entry.name, "http://127.0.0.1:1").policy(Stream::Sessions).is_some());
    }
    assert!(providers::entry("zoom").is_none());
}
