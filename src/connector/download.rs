//! Downloads of files that a provider links to.
//!
//! A link is untrusted: it may lead into our own network, to a host that sends bytes for hours, or to a file that
//! fills the memory. So a second client is used, which has no credential and sends no cookie and no referer.
//! [`target`] decides at every hop where it may go. A file has a cap, and a deadline that only received bytes
//! extend. This module knows no provider and no format. No error contains a link, because the link alone gives
//! access to the file.

pub mod target;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::Dice;
use crate::connector::body::is_length_told;
use crate::connector::download::target::{AddressPolicy, GuardedResolver, Refused};
use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::connector::http::backoff;
use crate::connector::own_resources;

/// Tries for one file, the first included.
const MAX_TRIES: u32 = 3;
/// Redirects followed for one file.
const MAX_REDIRECTS: usize = 3;

/// Deadlines and size cap of every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadLimits {
    /// Time limit for connecting to a host.
    pub connect_timeout: Duration,
    /// Longest time without a byte.
    pub read_timeout: Duration,
    /// Time allowed for any file,
    pub grace: Duration,
    /// and one second more for each this many bytes received.
    pub bytes_per_second: u32,
    /// Largest decoded file, in bytes.
    pub max_file_bytes: usize,
}

impl Default for DownloadLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
            grace: Duration::from_secs(30),
            bytes_per_second: 64 * 1024,
            max_file_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Fetches files by link.
#[derive(Debug, Clone)]
pub struct Downloader {
    http: reqwest::Client,
    limits: DownloadLimits,
    policy: AddressPolicy,
    dice: Arc<Dice>,
}

/// A file that arrived whole, as far as HTTP shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The decoded bytes.
    pub body: Vec<u8>,
    /// Content type stated by the host, in lower case, without parameters.
    pub content_type: Option<String>,
    /// Whether HTTP shows that it ends here. A file that ends with its connection may be truncated.
    pub is_end_shown: bool,
}

/// A failure without the name of the file.
struct Failure {
    kind: PullErrorKind,
    detail: String,
    status: Option<StatusCode>,
}

impl Downloader {
    /// Creates a separate client that goes no further than `policy` permits. Errors when the machine has no certificate
    /// store.
    #[expect(clippy::disallowed_methods, reason = "it must not be the client that carries credentials")]
    pub fn new(limits: DownloadLimits, policy: AddressPolicy, dice: Arc<Dice>) -> Result<Self, reqwest::Error> {
        // A second installation fails and is harmless: the first crypto provider stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // what is encoded on the way loses its stated length, which shows whether it is whole
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
            // a proxy would resolve the name again and could see other addresses than those checked
            .no_proxy()
            .dns_resolver(Arc::new(GuardedResolver { policy }))
            .connect_timeout(limits.connect_timeout)
            .read_timeout(limits.read_timeout)
            .build()?;
        Ok(Self { http, limits, policy, dice })
    }

    /// Returns the same downloader with a lower cap.
    #[must_use]
    pub fn capped(&self, max_file_bytes: usize) -> Self {
        let max_file_bytes = max_file_bytes.min(self.limits.max_file_bytes);
        Self { limits: DownloadLimits { max_file_bytes, ..self.limits }, ..self.clone() }
    }

    /// Fetches `link`; `what` names the file in errors (`transcript file`), which never hold the link itself.
    /// A link that leads to no file (403, 404, 410) is an error of kind [`PullErrorKind::NotFound`].
    pub async fn fetch(&self, link: &str, what: &str) -> Result<Download, PullError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.try_fetch(link).await {
                Ok(download) => return Ok(download),
                Err(failure) => failure,
            };
            if failure.kind.policy().action != Action::Retry || tries >= MAX_TRIES {
                return Err(PullError {
                    kind: failure.kind,
                    call: what.to_owned(),
                    detail: failure.detail,
                    http_status: failure.status.map(|status| status.as_u16()),
                });
            }
            let wait = backoff(&self.dice, tries);
            tracing::debug!(
                what,
                tries,
                wait_ms = wait.as_millis(),
                detail = failure.detail,
                "a download failed, retrying"
            );
            sleep(wait).await;
        }
    }

    async fn try_fetch(&self, link: &str) -> Result<Download, Failure> {
        let started = Instant::now();
        let mut url = Url::parse(link.trim()).map_err(|_| contract("it is not a link"))?;
        for _ in 0..=MAX_REDIRECTS {
            self.policy.check(&url).map_err(refused)?;
            let sent = timeout_at(started + self.limits.grace, self.http.get(url.clone()).send()).await;
            let response = sent.map_err(|_| late(None))?.map_err(|error| unreached(&error))?;
            let status = response.status();
            match status.as_u16() {
                200 => return self.read(response, started).await,
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, &response)?,
                403 | 404 | 410 => {
                    return Err(Failure::at(status, PullErrorKind::NotFound, "the link no longer works"));
                }
                408 | 425 | 429 | 500..=599 => {
                    return Err(Failure::at(status, PullErrorKind::Transient, &format!("status {status}")));
                }
                _ => return Err(Failure::at(status, PullErrorKind::Contract, &format!("status {status}"))),
            }
        }
        Err(contract(&format!("the link has more than {MAX_REDIRECTS} redirects")))
    }

    async fn read(&self, mut response: Response, started: Instant) -> Result<Download, Failure> {
        let (status, most) = (response.status(), self.limits.max_file_bytes);
        let too_large =
            || Failure::at(status, PullErrorKind::TooLarge, &format!("the decoded file is larger than {most} bytes"));
        // a stated length makes it possible to refuse before reading
        if response.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > most)) {
            return Err(too_large());
        }
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type =
            content_type.and_then(|text| text.split(';').next()).map(|text| text.trim().to_ascii_lowercase());
        let is_end_shown = is_length_told(response.version(), response.headers());
        let mut body = Vec::new();
        loop {
            let earned =
                u64::try_from(body.len()).unwrap_or(u64::MAX) * 1_000 / u64::from(self.limits.bytes_per_second.max(1));
            let deadline = started + self.limits.grace + Duration::from_millis(earned);
            let chunk = timeout_at(deadline, response.chunk()).await.map_err(|_| late(Some(status)))?;
            let chunk = chunk.map_err(|error| {
                if own_resources::is_lacking(&error) {
                    return Failure::at(status, PullErrorKind::OwnResources, "this machine has no memory left");
                }
                let detail = if error.is_timeout() {
                    "the host stopped sending"
                } else {
                    "the file is truncated, or its encoding is broken"
                };
                Failure::at(status, PullErrorKind::Transient, detail)
            })?;
            let Some(chunk) = chunk else { return Ok(Download { body, content_type, is_end_shown }) };
            if body.len() + chunk.len() > most {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
    }
}

impl Failure {
    fn at(status: StatusCode, kind: PullErrorKind, detail: &str) -> Self {
        Self { kind, detail: detail.to_owned(), status: Some(status) }
    }
}

fn contract(detail: &str) -> Failure {
    Failure { kind: PullErrorKind::Contract, detail: detail.to_owned(), status: None }
}

fn refused(refused: Refused) -> Failure {
    contract(&refused.to_string())
}

fn late(status: Option<StatusCode>) -> Failure {
    Failure { kind: PullErrorKind::Transient, detail: "the file arrived too slowly".to_owned(), status }
}

/// Reports only the class of an error, because its text may contain the address.
fn unreached(error: &reqwest::Error) -> Failure {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    if let Some(found) = causes.into_iter().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return refused(*found);
    }
    if error.is_connect() && own_resources::kept_from_connecting(error) {
        let detail = "this machine has no socket, port or memory left".to_owned();
        return Failure { kind: PullErrorKind::OwnResources, detail, status: None };
    }
    let detail = match () {
        () if error.is_timeout() => "the host did not respond in time",
        () if error.is_connect() => "the host could not be reached",
        () => "the host did not respond",
    };
    Failure { kind: PullErrorKind::Transient, detail: detail.to_owned(), status: None }
}

fn redirected(from: &Url, response: &Response) -> Result<Url, Failure> {
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| from.join(location).ok());
    target.ok_or_else(|| Failure::at(response.status(), PullErrorKind::Contract, "the redirect has no usable target"))
}
