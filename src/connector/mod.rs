//! The contract that a provider's connector fulfils.
//!
//! A connector returns *the page after this cursor*. Looping, waiting between runs, counting, judging completeness
//! and saving happen outside, once, for all providers.
//!
//! The promises:
//!
//! - **One call, one page.** [`Connector::fetch_page`] makes the calls one page needs (usually one) and returns. It
//!   may be called again with the same cursor at any time and must not remember its position.
//! - **A missing list is an error, never an empty page.** An empty page means that the provider sent an empty list.
//! - **Every record is returned.** Each record of the answer is in the page, as a session or as a reject, with its
//!   bytes. Unknown values are kept and counted as drift.
//! - **The provider states the end.** `next` is `None` only when the provider's own values (offsets, token, total,
//!   an empty list) say that nothing follows; a short page alone is not an end. Where only the total says so,
//!   `past_end` names the page after it: the caller decides whether to trust the total.
//! - **Time and chance come from outside**, and credentials go only to the configured origin.
//! - **Cancellation** is dropping the future: a connector holds nothing that would be lost.
//!
//! How to add a provider: copy a folder under `providers/`, add its row to `providers::ALL`, and write a migration
//! for its extension table if it has one. Configuration, health, metrics and the API document follow from the row. So
//! that analysts see its own columns, add them and its identities of people to `migrations/views/`; so that the
//! conformance suite runs, add it to the simulator. `tests/it/providers/fourth.rs` adds one.
//!
//! This module knows no provider and no database.

pub mod actions;
mod authorization;
pub mod body;
pub mod download;
pub mod error;
pub mod hooks;
pub mod http;
pub mod limits;
pub mod json_repair;
pub mod own_resources;
pub mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

pub use crate::connector::authorization::Credential;

use crate::connector::actions::Actions;
use crate::connector::download::Downloader;
use crate::connector::error::PullError;
use crate::connector::hooks::ReadHook;
use crate::connector::http::ApiClient;
use crate::model::artifact::{ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::id::{ProviderRecordId, SourceSlug};
use crate::model::page::{Count, DayTotal, Page, PageRequest, Record, Reject};
use crate::model::source::Capabilities;
use crate::model::stream::Stream;

/// How stored sessions that can still change are refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenSet {
    /// One by one: the provider has a call for a single session.
    ByDetail {
        /// Time after its end in which a session may still change.
        settling: TimeDelta,
    },
    /// By listing again: the provider has no such call.
    ByListing,
}

/// Polling rules of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPolicy {
    /// How far each run reaches back before the watermark, to see late changes.
    pub overlap: TimeDelta,
    /// How changed sessions are found.
    pub open_set: OpenSet,
    /// A window with more records than this is split into shorter ones before it is walked. A crash then costs
    /// little, and every part is proven complete by itself.
    pub split_above_records: u64,
}

/// Fetching rules of a per-session stream. Ages count from the session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactPolicy {
    /// Interval of fetches while the session runs; `None`: only after the end.
    pub while_live: Option<TimeDelta>,
    /// Ages at which it is requested until it is found.
    pub tries_after: &'static [TimeDelta],
    /// Interval of further requests after the last of those ages.
    pub then_every: TimeDelta,
    /// Age at which the provider deletes it: it is given up, after one last try.
    pub retention: TimeDelta,
    /// Something found at a lower age is fetched once more at this age, since it may still change.
    pub settles_after: TimeDelta,
    /// Whether there is one request per participant, so that the participants must be known first.
    pub per_participant: bool,
}

/// Name of the fact that states what a list's time filter compares: `created` or `updated`. With `updated`, the
/// list itself returns changed sessions, and past windows are not read again.
pub const FACT_FILTER_MEANING: &str = "filter_meaning";

/// Whether the list of a source with these `facts` filters by creation, which is assumed unless it was seen to
/// filter by change.
pub fn lists_by_creation(facts: &BTreeMap<String, String>) -> bool {
    facts.get(FACT_FILTER_MEANING).is_none_or(|meaning| meaning != "updated")
}

/// The connector contract; see the module's header for the promises.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Returns the polling rules of `stream`; `None` where this provider has no such stream.
    fn policy(&self, stream: Stream) -> Option<StreamPolicy>;

    /// Fetches the page of `stream` that `request` names.
    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError>;

    /// Returns how many records the provider counts in the window, by its cheapest call for that.
    async fn count(&self, stream: Stream, request: PageRequest<'_>) -> Result<Count, PullError>;

    /// Returns the provider's own daily totals for the window, where it has them. Where its days begin is up to the
    /// provider.
    async fn daily_totals(&self, stream: Stream, request: PageRequest<'_>) -> Result<Option<Vec<DayTotal>>, PullError> {
        let _ = (stream, request);
        Ok(None)
    }

    /// Fetches one session again, as a page of one record; an empty page when the provider does not know it. Only
    /// called where the policy says [`OpenSet::ByDetail`].
    async fn fetch_session(&self, id: &ProviderRecordId, request: PageRequest<'_>) -> Result<Page, PullError>;

    /// Returns the fetching rules of the per-session `stream`; `None` where this provider has no such stream.
    fn artifact_policy(&self, stream: Stream) -> Option<ArtifactPolicy> {
        let _ = stream;
        None
    }

    /// Makes one call for the per-session `stream`. Only called where there is a policy. Missing data is an
    /// [`ArtifactAnswer::Absent`] and no error; an error means that presence is still unknown.
    async fn fetch_artifact(&self, stream: Stream, request: ArtifactRequest<'_>) -> Result<ArtifactAnswer, PullError> {
        let _ = request;
        Err(no_such_stream(stream))
    }

    /// Reads a stored record of a listing stream again, as when it was fetched. Makes no call.
    fn read_record(&self, stored: StoredBytes<'_>) -> Result<Record, Reject>;

    /// Reads a stored artifact, or a record of one, again. Makes no call; `None` where the bytes are empty of
    /// content. Participants and reports are read one at a time, a report for the presence that `request` names.
    fn read_artifact(
        &self,
        stream: Stream,
        bytes: &[u8],
        request: ArtifactRequest<'_>,
    ) -> Result<Option<ArtifactPage>, PullError> {
        let _ = (bytes, request);
        Err(no_such_stream(stream))
    }

    /// Returns the calls that start something; `None` where this provider has none. Pollers never use them.
    fn actions(self: Arc<Self>) -> Option<Arc<dyn Actions>> {
        None
    }

    /// Makes the cheapest call that proves credential and address.
    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError>;
}

/// A record that was fetched earlier.
#[derive(Debug, Clone, Copy)]
pub struct StoredBytes<'a> {
    /// The bytes as received.
    pub bytes: &'a [u8],
    /// The time of that fetch: judgements such as "older than fifteen minutes" are made as of then.
    pub now: DateTime<Utc>,
    /// Whether the record named only part of its session.
    pub is_partial: bool,
}

/// Returns the error of a connector for a stream that it does not offer.
pub fn no_such_stream(stream: Stream) -> PullError {
    PullError::contract(stream.as_str(), "this provider has no such stream")
}

/// Report of `tributary check` for a source that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The provider's clock minus ours, seconds; `None` where it sent no `Date`.
    pub clock_skew_seconds: Option<i64>,
    /// Findings as name and value: page base, answer shape, meaning of filters.
    pub findings: Vec<(String, String)>,
}

/// Input of a provider's constructor. The HTTP client already holds origin, credential and limits.
#[derive(Debug)]
pub struct ConnectorSettings {
    /// Name of the source.
    pub slug: SourceSlug,
    /// The provider's account, where it has one.
    pub account_id: Option<String>,
    /// The provider's app, where it has one.
    pub app_id: Option<String>,
    /// Records requested in one call; the provider's default where not configured.
    pub page_size: Option<u32>,
    /// Facts that earlier runs learnt about this source.
    pub facts: BTreeMap<String, String>,
    /// Client for the provider's API.
    pub api: ApiClient,
    /// Client for files that the provider links to. Carries no credential.
    pub downloads: Downloader,
}

/// A row of the table of providers.
#[derive(Debug)]
pub struct ProviderEntry {
    /// Name in configuration, database and answers.
    pub name: &'static str,
    /// Base URL, unless configured.
    pub default_base_url: &'static str,
    /// Calls a minute, unless configured or stated by the provider.
    pub default_requests_per_minute: u32,
    /// Wait after a 429 that does not say how long, seconds.
    pub default_retry_after_seconds: u32,
    /// Poll schedule, unless configured: six cron fields, UTC.
    pub default_schedule: &'static str,
    /// Required settings besides the key: `account_id`, `app_id`.
    pub required_settings: &'static [&'static str],
    /// How the credential is sent.
    pub credential: Credential,
    /// What the provider can report at all.
    pub capabilities: Capabilities,
    /// Reads its webhooks; `None`: it has none that are used.
    pub hooks: Option<ReadHook>,
    /// Makes a connector.
    pub connect: fn(ConnectorSettings) -> Arc<dyn Connector>,
}
