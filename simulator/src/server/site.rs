//! One simulated provider behind its listeners: its state, and the answers to its calls.
//!
//! A call is counted, its key checked, and answered by the provider's own file, unless a fault replaces the answer.
//! The `Date` is added last.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use chrono::{DateTime, TimeDelta, Utc};

use super::listener_state::{ListenerState, lock};
use super::respond::http_date;
use crate::faults::{Effect, RetryAfter};
use crate::listing::{Call, ListFault, Reply};
use crate::quirks::Quirks;
use crate::settings::{Platform, SimulatorSettings};
use crate::{konpro, konvo, realtimekit};

/// Headers that are recorded.
const HEADERS_OF_INTEREST: [&str; 8] =
    ["authorization", "x-api-key", "accept", "content-type", "idempotency-key", "user-agent", "referer", "cookie"];

/// A request, the time it arrived, and the provider's quirks.
#[derive(Debug, Clone, Copy)]
pub(super) struct ApiRequest<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) now: DateTime<Utc>,
    pub(super) quirks: &'a Quirks,
}

/// The answers of a provider: to a call with a valid key, to one without (`true` if it has a wrong one), and to one
/// call too many.
struct Answers {
    call: fn(&Call<'_>) -> Reply,
    unauthorized: fn(bool) -> Reply,
    too_many: fn() -> Reply,
}

/// One simulated provider.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) settings: SimulatorSettings,
    quirks: Mutex<Quirks>,
    /// The listener of the provider's API.
    pub(super) api: ListenerState,
    /// The listener of the file host.
    pub(super) files: ListenerState,
    files_base_url: String,
    /// Start of the window in which calls are counted, and the number of calls in it.
    calls: Mutex<Option<(DateTime<Utc>, u32)>>,
    /// Number of the latest `POST`.
    serial: AtomicU64,
}

impl Site {
    /// Creates a provider whose files are at `files_base_url`.
    pub(super) fn new(settings: SimulatorSettings, files_base_url: String) -> Self {
        Self {
            quirks: Mutex::new(settings.quirks.clone()),
            settings,
            api: ListenerState::default(),
            files: ListenerState::default(),
            files_base_url,
            calls: Mutex::default(),
            serial: AtomicU64::new(0),
        }
    }

    pub(super) fn set_quirks(&self, quirks: Quirks) {
        *lock(&self.quirks) = quirks;
    }

    pub(super) fn quirks(&self) -> Quirks {
        lock(&self.quirks).clone()
    }

    fn answers(&self) -> Answers {
        match self.settings.platform {
            Platform::Konpro => {
                Answers { call: konpro::answer, unauthorized: konpro::unauthorized, too_many: konpro::too_many }
            }
            Platform::Konvo => {
                Answers { call: konvo::answer, unauthorized: konvo::unauthorized, too_many: konvo::too_many }
            }
            Platform::Realtimekit => Answers {
                call: realtimekit::answer,
                unauthorized: realtimekit::unauthorized,
                too_many: realtimekit::too_many,
            },
        }
    }

    /// Records a request and returns its answer, with all faults but damage to the body.
    pub(super) fn answer(&self, request: &ApiRequest<'_>, effect: Option<&Effect>) -> Reply {
        let (now, quirks) = (request.now, request.quirks);
        let mut reply = match effect {
            Some(Effect::Answer { status, headers, body }) => {
                Reply { status: *status, headers: headers.clone(), body: body.clone() }
            }
            Some(Effect::RateLimited(retry_after)) => self.rate_limited(*retry_after, now, quirks),
            _ => self.regular_answer(request, effect),
        };
        if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let stated_now = now + TimeDelta::seconds(quirks.clock_skew_seconds);
        reply.headers.push(("date".to_owned(), http_date(stated_now)));
        let is_kept = |name: &str| HEADERS_OF_INTEREST.contains(&name);
        self.api.record((request.head, request.body), is_kept, (now, reply.status));
        reply
    }

    fn regular_answer(&self, request: &ApiRequest<'_>, effect: Option<&Effect>) -> Reply {
        let ApiRequest { head, body, now, quirks } = *request;
        let quota = self.count_call(now, quirks);
        let mut reply = if let Some((0, reset_seconds)) = quota {
            let mut refused = realtimekit::too_many();
            refused.headers.push(("retry-after".to_owned(), reset_seconds.to_string()));
            refused
        } else if head.method != Method::GET && head.method != Method::POST {
            Reply::method_not_allowed()
        } else if let Some(refused) = self.refuse_key(&head.headers) {
            refused
        } else {
            let parameters = Query::<Vec<(String, String)>>::try_from_uri(&head.uri);
            let parameters = parameters.map(|query| query.0).unwrap_or_default();
            let is_post = head.method == Method::POST;
            let call = Call {
                path: head.uri.path(),
                parameters: &parameters,
                now,
                quirks,
                list_fault: list_fault_of(effect),
                feed: &*self.settings.feed,
                posted: is_post.then_some(&body[..]),
                serial: if is_post { self.serial.fetch_add(1, Ordering::Relaxed) } else { 0 },
                files_base_url: &self.files_base_url,
            };
            (self.answers().call)(&call)
        };
        if let Some((left, reset_seconds)) = quota {
            let left = left.saturating_sub(1);
            reply.headers.extend(realtimekit::quota_headers(left, reset_seconds, quirks));
        }
        reply
    }

    /// Counts a call to RealtimeKit. Returns how many calls were left before it, and the seconds until the window
    /// ends.
    fn count_call(&self, now: DateTime<Utc>, quirks: &Quirks) -> Option<(u32, i64)> {
        (self.settings.platform == Platform::Realtimekit).then_some(())?;
        let mut calls = lock(&self.calls);
        let window = TimeDelta::seconds(quirks.calls_window_seconds);
        let (began, count) = calls.filter(|(began, _)| now >= *began && now < *began + window).unwrap_or((now, 0));
        *calls = Some((began, count.saturating_add(1)));
        Some((quirks.calls_per_window.saturating_sub(count), (began + window - now).num_seconds().max(1)))
    }

    fn refuse_key(&self, headers: &HeaderMap) -> Option<Reply> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let (sent, wanted) = match self.settings.platform {
            Platform::Realtimekit => (text("authorization"), format!("Bearer {}", self.settings.api_key)),
            Platform::Konpro | Platform::Konvo => (text("x-api-key"), self.settings.api_key.clone()),
        };
        if sent == Some(&*wanted) {
            return None;
        }
        Some((self.answers().unauthorized)(sent.is_some()))
    }

    fn rate_limited(&self, retry_after: RetryAfter, now: DateTime<Utc>, quirks: &Quirks) -> Reply {
        let mut reply = (self.answers().too_many)();
        let text = match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::HttpDate(seconds) => {
                http_date(now + TimeDelta::seconds(quirks.clock_skew_seconds + i64::from(seconds)))
            }
            RetryAfter::Absent => return reply,
        };
        reply.headers.push(("retry-after".to_owned(), text));
        reply
    }

    pub(super) fn truth(&self, now: DateTime<Utc>) -> Reply {
        let truth =
            self.settings.feed.truth_with(now, &self.quirks()).and_then(|truth| serde_json::to_vec(&truth).ok());
        truth.map_or_else(|| Reply::json(404, "{}"), |body| Reply::json(200, body))
    }
}

fn list_fault_of(effect: Option<&Effect>) -> ListFault {
    match effect {
        Some(Effect::MissingListKey) => ListFault { without_list_key: true, ..ListFault::default() },
        Some(Effect::EmptyPage) => ListFault { empty_page: true, ..ListFault::default() },
        Some(Effect::ShortPage) => ListFault { short_page: true, ..ListFault::default() },
        Some(Effect::PageCycle { length }) => ListFault { page_cycle: Some(*length), ..ListFault::default() },
        _ => ListFault::default(),
    }
}
