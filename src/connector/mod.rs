//! What a provider must do: the contract.
//!
//! A connector answers one question: *the page after this cursor*. Looping, waiting between runs,
//! counting, judging completeness and saving live outside, once, for all providers.
//!
//! The promises:
//!
//! - **One call, one page.** [`Connector::fetch_page`] makes the calls one page needs (usually one) and
//!   returns. It may be called again with the same cursor at any time and must not remember where it is.
//! - **A missing list is an error, never an empty page.** An empty page means that the provider sent an
//!   empty list.
//! - **Everything comes along.** Each record of the answer is in the page, as a session or as a reject,
//!   with its bytes. Unknown values are kept and counted as oddities.
//! - **The end is said by the provider.** `next` is `None` only when the provider's own words (offsets,
//!   token, total, an empty list) say that nothing follows; a short page alone is not an end. Where only the total says
//!   so, `past_end` names the page after it: whether the total is believed is decided by the caller.
//! - **Time and chance come from outside**, and credentials go only to the configured origin.
//! - **Cancellation** is dropping the future: a connector holds nothing that would be lost.
//!
//! How to add a provider: copy a folder under `providers/`, add its row to `providers::ALL`, write a
//! migration for its extension table if it has one. The conformance suite, configuration, health,
//! metrics and the API document follow from the row.
//!
//! This module knows no provider and no database.

pub mod actions;
mod authorization;
pub mod body;
pub mod download;
pub mod error;
pub mod http;
pub mod limits;
pub mod mend;
pub mod own_resources;
pub mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::actions::Actions;
use crate::connector::download::Downloader;
use crate::connector::error::PullError;
use crate::connector::http::ApiClient;
use crate::model::artifact::{ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::id::{ProviderRecordId, SourceSlug};
use crate::model::page::{Count, DayTotal, Page, PageRequest, Record, Reject};
use crate::model::source::Capabilities;
use crate::model::stream::Stream;

/// How the stored sessions that can still change are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenSet {
    /// One by one: there is a call for a single session.
    ByDetail {
        /// How long after its end a session may still change.
        settling: TimeDelta,
    },
    /// By listing again: there is no such call.
    ByListing,
}

/// How a stream of a provider wants to be polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPolicy {
    /// How far each run reaches back behind what is proven complete.
    pub overlap: TimeDelta,
    /// How changed sessions are found.
    pub open_set: OpenSet,
    /// A window with more records than this is cut into shorter ones before it is walked, so that a
    /// crash costs little and every part is proven by itself.
    pub split_above_records: u64,
}

/// How a per-session stream wants to be fetched. Ages are counted from the session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactPolicy {
    /// While the session runs it is fetched this often; `None`: only after the end.
    pub while_live: Option<TimeDelta>,
    /// At these ages it is asked for until it is there.
    pub tries_after: &'static [TimeDelta],
    /// And from the last of them on this often.
    pub then_every: TimeDelta,
    /// At this age the provider has it no longer: it is given up, after one last try.
    pub retention: TimeDelta,
    /// What was found at a lower age is fetched once more at this age, since it may still change.
    pub settles_after: TimeDelta,
    /// It is asked for once for each participant, and so waits for the participants.
    pub per_participant: bool,
}

/// Name of the fact that says what a list's time filter compares: `created` or `updated`. With
/// `updated`, changed sessions come by themselves and nothing of the past is read again.
pub const FACT_FILTER_MEANING: &str = "filter_meaning";

/// Whether the list of a source with these `facts` goes by creation: unless it was seen to go by change.
pub fn lists_by_creation(facts: &BTreeMap<String, String>) -> bool {
    facts.get(FACT_FILTER_MEANING).is_none_or(|meaning| meaning != "updated")
}

/// The connector contract; see the module's header for the promises.
#[async_trait]
pub trait Connector: Send + Sync {
    /// How `stream` wants to be polled; `None` where this provider has no such stream.
    fn policy(&self, stream: Stream) -> Option<StreamPolicy>;

    /// The page of `stream` that `request` asks for.
    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError>;

    /// How many records the provider counts in the window, by the cheapest call that says so.
    async fn count(&self, stream: Stream, request: PageRequest<'_>) -> Result<Count, PullError>;

    /// The provider's own table of days for the window, where it has one. Where its days begin is its own business.
    async fn days(&self, stream: Stream, request: PageRequest<'_>) -> Result<Option<Vec<DayTotal>>, PullError> {
        let _ = (stream, request);
        Ok(None)
    }

    /// One session again, as a page of one record; an empty page when the provider does not know it.
    /// Only called where the policy says [`OpenSet::ByDetail`].
    async fn fetch_session(&self, id: &ProviderRecordId, request: PageRequest<'_>) -> Result<Page, PullError>;

    /// How the per-session `stream` wants to be fetched; `None` where this provider has no such stream.
    fn artifact_policy(&self, stream: Stream) -> Option<ArtifactPolicy> {
        let _ = stream;
        None
    }

    /// One call's worth of the per-session `stream`. Only called where there is a policy. What is not there
    /// is an [`ArtifactAnswer::Absent`] and no error; an error says that the question was not answered.
    async fn fetch_artifact(&self, stream: Stream, request: ArtifactRequest<'_>) -> Result<ArtifactAnswer, PullError> {
        let _ = request;
        Err(no_such_stream(stream))
    }

    /// A record of a listing stream again, from its bytes: what fetching it made of it. Makes no call.
    fn read_record(&self, stored: StoredBytes<'_>) -> Result<Record, Reject>;

    /// An artifact again, or a record of one, from its bytes. Makes no call; `None` where the bytes hold nothing at
    /// all. Participants and reports are read one at a time, a report of the presence that `request` names.
    fn read_artifact(
        &self,
        stream: Stream,
        bytes: &[u8],
        request: ArtifactRequest<'_>,
    ) -> Result<Option<ArtifactPage>, PullError> {
        let _ = (bytes, request);
        Err(no_such_stream(stream))
    }

    /// The calls that start something; `None` where this provider has none. No poller asks for them.
    fn actions(self: Arc<Self>) -> Option<Arc<dyn Actions>> {
        None
    }

    /// Asks the cheapest question that proves credential and address.
    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError>;
}

/// A record that was fetched before.
#[derive(Debug, Clone, Copy)]
pub struct StoredBytes<'a> {
    /// As they were received.
    pub bytes: &'a [u8],
    /// The present at that time: judgements such as "older than fifteen minutes" are made as of then.
    pub now: DateTime<Utc>,
    /// It named only part of its session.
    pub is_partial: bool,
}

/// The answer of a connector that is asked for a stream it does not offer.
pub fn no_such_stream(stream: Stream) -> PullError {
    PullError::contract(stream.as_str(), "this provider has no such stream")
}

/// What `tributary check` tells about a source that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The provider's clock minus ours, seconds; `None` where it sent no `Date`.
    pub clock_skew_seconds: Option<i64>,
    /// What was found out: page base, answer shape, meaning of filters. Name and value.
    pub findings: Vec<(String, String)>,
}

/// What a provider's constructor gets. The HTTP client already holds origin, credential and limits.
#[derive(Debug)]
pub struct ConnectorSettings {
    /// Name of the source.
    pub slug: SourceSlug,
    /// Provider's account, where it has one.
    pub account_id: Option<String>,
    /// Provider's app, where it has one.
    pub app_id: Option<String>,
    /// Records asked for in one call; the provider's default where not configured.
    pub page_size: Option<u32>,
    /// What earlier runs learnt about this source.
    pub facts: BTreeMap<String, String>,
    /// The way to the provider.
    pub api: ApiClient,
    /// The way to files the provider gives links to. Carries no credential.
    pub downloads: Downloader,
}

/// How a credential is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    ApiKeyHeader,
}

/// A provider as the table of providers knows it.
#[derive(Debug)]
pub struct ProviderEntry {
    /// Name in configuration, database and answers.
    pub name: &'static str,
    /// Where it lives, unless configured.
    pub default_base_url: &'static str,
    /// Calls a minute, unless configured or stated by the provider.
    pub default_requests_per_minute: u32,
    /// Wait after a 429 that does not say how long, seconds.
    pub default_retry_after_seconds: u32,
    /// When it is polled, unless configured: six cron fields, UTC.
    pub default_schedule: &'static str,
    /// Settings without which it cannot be reached, besides the key: `account_id`, `app_id`.
    pub required_settings: &'static [&'static str],
    /// How the credential is sent.
    pub credential: Credential,
    /// What it can tell at all.
    pub capabilities: Capabilities,
    /// Makes a connector.
    pub connect: fn(ConnectorSettings) -> Arc<dyn Connector>,
}
