//! The one way to a provider's API.
//!
//! Every call has deadlines for connecting, for silence and for the whole; the body is counted as it is
//! decoded, so that a small gzip cannot become a large one; redirects are refused, so that a credential
//! stays with the configured origin; the same call is tried again only for faults that pass. What a
//! body means is the provider folder's business.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::clock::{Clock, Dice};
use crate::config::Secret;
use crate::connector::Credential;
use crate::connector::authorization;
use crate::connector::body::{self, LargeAnswers};
use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::connector::limits::headers::{Observation, provider_date, retry_after};
use crate::connector::limits::{CallBudget, PATIENCE, Refusal};
use crate::connector::{mend, own_resources};
use crate::model::page::Room;

pub use crate::connector::limits::Priority;

/// Tries for one call, the first included.
const MAX_TRIES: u32 = 4;
/// The first wait is drawn from zero to this; each further one from twice as much.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// No single wait is drawn from more than this.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Deadlines and caps of every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// To reach the provider.
    pub connect_timeout: Duration,
    /// Longest silence within an answer.
    pub read_timeout: Duration,
    /// For the whole call, body included; `read_timeout` alone never ends a slow drip.
    pub total_timeout: Duration,
    /// Most bytes of a decoded body.
    pub max_body_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_mins(1),
            max_body_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Makes the HTTP client all API calls share: one pool, no redirects, no proxy.
///
/// Errors when the machine has no certificate store.
#[expect(clippy::disallowed_methods, reason = "the one place that makes an HTTP client")]
pub fn http_client(limits: HttpLimits) -> Result<reqwest::Client, reqwest::Error> {
    // Installing a second time is refused and harmless: the first provider stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // a proxy of the environment would see the credential of a loopback provider in the clear
        .no_proxy()
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.read_timeout)
        .timeout(limits.total_timeout)
        .build()
}

/// Calls to one source's provider: origin, credential, budget.
#[derive(Debug, Clone)]
pub struct ApiClient {
    /// The shared client of [`http_client`].
    pub http: reqwest::Client,
    /// Scheme, host and path prefix; every call goes below it.
    pub base_url: Url,
    /// How the credential is sent.
    pub credential: Credential,
    /// The credential.
    pub api_key: Secret,
    /// Calls this account may make, shared by its sources.
    pub budget: Arc<CallBudget>,
    /// How urgent the calls of this client are.
    pub priority: Priority,
    /// Wait after a 429 that does not say how long.
    pub default_retry_after: TimeDelta,
    /// Caps; the deadlines are in the client already.
    pub limits: HttpLimits,
    /// Places for large answers, shared by all sources.
    pub large: LargeAnswers,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub dice: Arc<Dice>,
}

/// A successful answer whose body is JSON by its look.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which call it was, for errors.
    pub call: String,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// The body held bytes that are not UTF-8, or values that are not JSON.
    pub was_replaced: bool,
    /// The provider's clock.
    pub provider_now: Option<DateTime<Utc>>,
    /// Held as long as the answer, or what was made of it, is in memory.
    pub room: Room,
}

impl Answer {
    /// This answer breaks the provider's contract.
    pub fn contract_error(&self, detail: impl Into<String>) -> PullError {
        PullError { http_status: Some(200), ..PullError::contract(self.call.clone(), detail) }
    }

    /// The answer with values rewritten that are not JSON, so that they cost no other; `None` where there are none.
    #[must_use]
    pub fn mended(&self) -> Option<Self> {
        Some(Self { body: mend::mended(&self.body)?, was_replaced: true, ..self.clone() })
    }
}

impl ApiClient {
    /// The same way with another urgency.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self { priority, ..self.clone() }
    }

    /// Asks `path` below the base address, tries again what may pass, and obeys the budget.
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
                // the budget knows of it by now: the next try waits there, in its turn
                (Action::WaitUntil, Some(until)) if error.http_status.is_some() && is_soon(until - now) => {
                    Duration::ZERO
                }
                _ => return Err(error),
            };
            tracing::debug!(call, tries, wait_ms = wait.as_millis(), error = %error, "call failed, waiting");
            tokio::time::sleep(wait).await;
        }
    }

    /// Posts `body`, or nothing, to `path` below the base address, once: the call starts something, and whether a
    /// lost answer did is not known.
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

    /// Sends a request with the credential as it is now; where that is refused and was replaced meanwhile, once more.
    /// A refused request has started nothing.
    async fn call_once(&self, call: &str, request: reqwest::RequestBuilder) -> Result<Answer, PullError> {
        let (key, again) = (self.api_key.current(), request.try_clone());
        match self.send(call, request, &key).await {
            Err(refused) if refused.kind == PullErrorKind::Auth => {
                let newer = self.api_key.read_again();
                match again.filter(|_| newer.expose_secret() != key.expose_secret()) {
                    Some(again) => self.send(call, again, &newer).await,
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
        let number = self.budget.reserve(self.priority, &*self.clock).await.map_err(|refusal| match refusal {
            Refusal::Until(until) => {
                let detail = format!("no call may be made before {}", until.to_rfc3339());
                fail(PullErrorKind::RateLimited { until }, detail, None)
            }
            Refusal::Unknown(error) => fail(PullErrorKind::Database, error.to_string(), None),
        })?;
        let response = request.headers(authorization::headers(self.credential, key, call)?).send().await;
        let mut response = response.map_err(|error| {
            let kind = own_resources::kind_of_unanswered(&error);
            fail(kind, body::chain(&error.without_url()), None)
        })?;
        let (status, headers, version) = (response.status(), response.headers().clone(), response.version());
        let now = self.clock.now();
        // the status and the headers are judged first: a refusal counts, whatever happens to the body
        let mut said = Observation::read(&headers, now);
        let is_whole = status.is_success() && status != StatusCode::PARTIAL_CONTENT;
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
            let looks = if body.trim_start().starts_with('<') { "HTML" } else { "no JSON" };
            let detail = format!("status {status}, but the body is {looks} ({} bytes)", body.len());
            return Err(fail(PullErrorKind::Contract, detail, Some(status)));
        }
        Ok(Answer { call: call.to_owned(), body, was_replaced, provider_now: provider_date(&headers), room })
    }

    /// Status → kind. The body only adds words: gateways answer in forms of their own.
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
            // nobody asked for a part, nor whether something changed
            206 | 304 => PullErrorKind::Contract,
            // asking again for what is not implemented changes nothing
            501 => PullErrorKind::Config,
            408 | 425 | 500..=599 => PullErrorKind::Transient,
            _ => PullErrorKind::Config,
        }
    }
}

/// Full jitter: anything from zero to a cap that doubles. The source of the scheme is the AWS
/// architecture blog, "Exponential backoff and jitter".
pub(super) fn backoff(dice: &Dice, tries: u32) -> Duration {
    let cap = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_WAIT);
    cap.mul_f64(dice.unit())
}

fn is_soon(wait: TimeDelta) -> bool {
    wait.to_std().unwrap_or_default() <= PATIENCE
}
