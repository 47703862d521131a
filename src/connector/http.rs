//! HTTP client for the APIs of providers.
//!
//! Every call has deadlines for connecting, for silence and for the whole call. The body is counted as it is
//! decoded, so that a small gzip cannot become a large body. Redirects are refused, so that a credential goes only
//! to the configured origin. A call is retried only for faults that pass. The provider's folder interprets the
//! body.

mod transport;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, LINK};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;

use crate::clock::{Clock, Dice};
use crate::config::Secret;
use crate::connector::authorization::{self, Credential};
use crate::connector::body::{self, LargeAnswers};
use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::connector::json_repair;
use crate::connector::limits::headers::{Observation, provider_date, retry_after};
use crate::connector::limits::{CallBudget, MAX_QUEUE_WAIT, Refusal};
use crate::connector::own_resources;
use crate::model::page::Room;
use crate::telemetry::{metrics, traces};

pub use self::transport::{HttpLimits, http_client};
pub use crate::connector::limits::Priority;

/// Tries for one call, the first included.
const MAX_TRIES: u32 = 4;
/// The first wait is drawn between zero and this; the bound doubles with each further wait.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// Upper bound of any single wait.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Client for the API of one source: origin, credential and call budget.
#[derive(Debug, Clone)]
pub struct ApiClient {
    /// The shared client of [`http_client`].
    pub http: reqwest::Client,
    /// Scheme, host and path prefix of every call.
    pub base_url: Url,
    /// How the credential is sent.
    pub credential: Credential,
    /// The credential.
    pub api_key: Secret,
    /// The call budget of this account, shared by its sources.
    pub budget: Arc<CallBudget>,
    /// Priority of this client's calls.
    pub priority: Priority,
    /// Wait after a 429 without a stated wait.
    pub default_retry_after: TimeDelta,
    /// Size caps; the deadlines are already set in the client.
    pub limits: HttpLimits,
    /// Permits for large answers, shared by all sources.
    pub large: LargeAnswers,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Source of jitter.
    pub dice: Arc<Dice>,
}

/// A successful answer whose body looks like JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The call, for error messages.
    pub call: String,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// Whether the body contained bytes that are not UTF-8, or values that are not JSON.
    pub was_replaced: bool,
    /// The provider's clock at the time of the answer.
    pub provider_now: Option<DateTime<Utc>>,
    /// The present at the time of the answer: the later of the provider's clock and ours, of which one may be slow.
    pub present: DateTime<Utc>,
    /// Whether a header links to a next page (RFC 8288).
    pub has_next_link: bool,
    /// Memory permit, held as long as the answer or data made from it is in memory.
    pub room: Room,
}

impl Answer {
    /// Returns the error that this answer breaks the provider's contract.
    pub fn contract_error(&self, detail: impl Into<String>) -> PullError {
        PullError { http_status: Some(200), ..PullError::contract(self.call.clone(), detail) }
    }

    /// Returns the answer with its invalid JSON values rewritten, so that other values remain readable; `None`
    /// where there are none.
    #[must_use]
    pub fn repaired(&self) -> Option<Self> {
        Some(Self { body: json_repair::repaired(&self.body)?, was_replaced: true, ..self.clone() })
    }
}

impl ApiClient {
    /// Returns the same client with another priority.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self { priority, ..self.clone() }
    }

    /// Sends a GET to `path` below the base address within the budget, and retries faults that may pass.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, PullError> {
        let call = format!("GET {path}");
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.call_once(&call, self.http.get(self.address(path)).query(query)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let policy = error.kind.policy();
            let now = self.clock.now();
            let wait = match (policy.action, error.retry_at()) {
                _ if tries >= MAX_TRIES => return Err(error),
                (Action::Retry, _) => backoff(&self.dice, tries),
                // the budget knows this instant by now, so the next try waits there in its turn
                (Action::WaitUntil, Some(until)) if error.http_status.is_some() && is_soon(until - now) => {
                    Duration::ZERO
                }
                _ => return Err(error),
            };
            tracing::debug!(call, tries, wait_ms = wait.as_millis(), error = %error, "call failed, retrying");
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends one POST with `body`, or with none, to `path` below the base address. It is never repeated: the call
    /// starts something, and after a lost answer it is unknown whether it did.
    pub async fn post_once(&self, path: &str, body: Option<&serde_json::Value>) -> Result<Answer, PullError> {
        let request = self.http.post(self.address(path));
        let request = if let Some(body) = body { request.json(body) } else { request };
        self.call_once(&format!("POST {path}"), request).await
    }

    fn address(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{path}", self.base_url.path().trim_end_matches('/')));
        url
    }

    /// Sends a request with the current credential. If that is refused and was replaced meanwhile, sends it once
    /// more; a refused request has started nothing.
    async fn call_once(&self, call: &str, request: reqwest::RequestBuilder) -> Result<Answer, PullError> {
        let span =
            || traces::of_call(self.base_url.host_str().unwrap_or_default(), call.split(' ').next().unwrap_or(call));
        let (key, again) = (self.api_key.current(), request.try_clone());
        match self.send(call, request, &key).instrument(span()).await {
            Err(refused) if refused.kind == PullErrorKind::Auth => {
                let newer = self.api_key.read_again();
                match again.filter(|_| newer.expose_secret() != key.expose_secret()) {
                    Some(again) => self.send(call, again, &newer).instrument(span()).await,
                    None => Err(refused),
                }
            }
            answer => answer,
        }
    }

    async fn send(
        &self,
        call: &str,
        request: reqwest::RequestBuilder,
        key: &SecretString,
    ) -> Result<Answer, PullError> {
        let fail = |kind, detail: String, status: Option<StatusCode>| PullError {
            kind,
            call: call.to_owned(),
            detail,
            http_status: status.map(|status| status.as_u16()),
        };
        let number = self.reserve(call).await?;
        let (host, began) = (self.base_url.host_str().unwrap_or_default(), Instant::now());
        let response = request.headers(authorization::headers(self.credential, key, call)?).send().await;
        let status = response.as_ref().ok().map(|response| response.status().as_u16());
        metrics::observe_call(host, status, began.elapsed());
        traces::answered(status);
        let mut response = response.map_err(|error| {
            let kind = own_resources::kind_of_unanswered(&error);
            fail(kind, body::chain(&error.without_url()), None)
        })?;
        let (status, headers, version) = (response.status(), response.headers().clone(), response.version());
        let now = self.clock.now();
        // status and headers come first: a refusal counts even if the body cannot be read
        let mut said = Observation::read(&headers, now);
        let is_whole = matches!(status, StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION);
        let failure = (!is_whole).then(|| self.kind_of(status, &headers, &said, now));
        if let Some(PullErrorKind::RateLimited { until }) = failure {
            said.blocked_until = Some(until);
        }
        self.budget.observe(number, &said, now).await;
        if let Some(kind) = failure {
            let body = body::read_failure(&mut response).await;
            return Err(fail(kind, body::describe(status, &body, key), Some(status)));
        }
        let body = body::read(&mut response, self.limits.max_body_bytes, &self.large).await;
        let (body, room) = body.map_err(|(kind, detail)| fail(kind, detail, Some(status)))?;
        let (mut body, was_replaced) = match String::from_utf8(body) {
            Ok(body) => (body, false),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        };
        if body.starts_with('\u{feff}') {
            body.drain(..'\u{feff}'.len_utf8());
        }
        if body::is_cut(version, &headers, &body) {
            let detail = format!("the connection ended within the body, after {} bytes", body.len());
            return Err(fail(PullErrorKind::Transient, detail, Some(status)));
        }
        if !body.trim_start().starts_with(['{', '[']) {
            let looks = if body.trim_start().starts_with('<') { "HTML" } else { "not JSON" };
            let detail = format!("status {status}, but the body is {looks} ({} bytes)", body.len());
            return Err(fail(PullErrorKind::Contract, detail, Some(status)));
        }
        let provider_now = provider_date(&headers);
        let present = provider_now.map_or(now, |provider_now| provider_now.max(now));
        Ok(Answer {
            call: call.to_owned(),
            body,
            was_replaced,
            provider_now,
            present,
            has_next_link: links_next(&headers),
            room,
        })
    }

    /// Takes a call from the budget, and returns its number.
    async fn reserve(&self, call: &str) -> Result<i64, PullError> {
        let began = Instant::now();
        let reserved = self.budget.reserve(self.priority, &*self.clock).await;
        metrics::count_call_wait(self.base_url.host_str().unwrap_or_default(), began.elapsed(), reserved.is_err());
        reserved.map_err(|refusal| {
            let (kind, detail) = match refusal {
                Refusal::Until(until) => {
                    let detail = format!("no call may be made before {}", until.to_rfc3339());
                    (PullErrorKind::RateLimited { until }, detail)
                }
                Refusal::Unknown(error) => (PullErrorKind::Database, error.to_string()),
            };
            PullError { kind, call: call.to_owned(), detail, http_status: None }
        })
    }

    /// Maps a status to a kind. The body only adds words, because gateways answer in their own formats.
    fn kind_of(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        said: &Observation,
        now: DateTime<Utc>,
    ) -> PullErrorKind {
        let stated = retry_after(headers, now);
        match status.as_u16() {
            429 => {
                let until = stated.max(said.used_up_until()).unwrap_or(now + self.default_retry_after);
                PullErrorKind::RateLimited { until }
            }
            503 => stated.map_or(PullErrorKind::Transient, |until| PullErrorKind::RateLimited { until }),
            401 | 403 => PullErrorKind::Auth,
            404 | 410 => PullErrorKind::NotFound,
            // repeating a call that is not implemented changes nothing
            501 => PullErrorKind::Config,
            // what is accepted is no answer yet
            202 | 408 | 425 | 500..=599 => PullErrorKind::Transient,
            // the request asked neither for a part nor for changes only
            201..=299 | 304 => PullErrorKind::Contract,
            _ => PullErrorKind::Config,
        }
    }
}

/// Returns a wait with full jitter: anything between zero and a cap that doubles with each try. Source: AWS
/// architecture blog, "Exponential backoff and jitter".
pub(super) fn backoff(dice: &Dice, tries: u32) -> Duration {
    let cap = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_WAIT);
    cap.mul_f64(dice.unit())
}

fn is_soon(wait: TimeDelta) -> bool {
    wait.to_std().unwrap_or_default() <= MAX_QUEUE_WAIT
}

/// Whether a `Link` header names a next page.
fn links_next(headers: &HeaderMap) -> bool {
    let links = headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
    let relations = |part: &str| part.trim().strip_prefix("rel").map(|said| said.replace(['=', '"'], " "));
    let names_next = |said: &str| said.split_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"));
    links.flat_map(|links| links.split([';', ','])).filter_map(relations).any(|said| names_next(&said))
}
