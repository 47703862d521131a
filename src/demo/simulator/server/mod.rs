//! The HTTP side of a simulated provider: one handler for all paths.
//!
//! The handler records a request, applies the fault that is due, checks the key, lets the provider's file answer, and
//! adds the `Date`. Faults damage bodies last. RealtimeKit's files are on a separate host. The only path handled here
//! is `/truth`; records are handled elsewhere.

mod listener_state;
mod file_host;
mod respond;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::response::Response;
use axum::serve::{Listener, ListenerExt as _};
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

pub(super) use self::file_host::{SignedLink, sign};
pub(super) use self::listener_state::ListenerState;
use self::listener_state::hold;
use self::respond::respond;
use crate::demo::simulator::faults::{Effect, RetryAfter};
use crate::demo::simulator::listing::{Bend, Call, Reply};
use crate::demo::simulator::quirks::Quirks;
use crate::demo::simulator::{Platform, SimulatorSettings, konpro, konvo, realtimekit};

/// Headers that are recorded.
const HEADERS_OF_INTEREST: [&str; 8] =
    ["authorization", "x-api-key", "accept", "content-type", "idempotency-key", "user-agent", "referer", "cookie"];

/// Bodies of calls that start something are small; more than this is not read.
const MOST_BODY_BYTES: usize = 1 << 20;

/// One simulated provider.
#[derive(Debug)]
pub(super) struct Site {
    settings: SimulatorSettings,
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
        *hold(&self.quirks) = quirks;
    }

    fn quirks(&self) -> Quirks {
        hold(&self.quirks).clone()
    }

    /// Records a request and returns its answer, with all faults but damage to the body.
    fn answer(&self, request: &Asked<'_>, effect: Option<&Effect>) -> Reply {
        let (now, quirks) = (request.now, request.quirks);
        let mut reply = match effect {
            Some(Effect::Answer { status, headers, body }) => {
                Reply { status: *status, headers: headers.clone(), body: body.clone() }
            }
            Some(Effect::RateLimited(retry_after)) => self.rate_limited(*retry_after, now, quirks),
            _ => self.honest_answer(request, effect),
        };
        if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let stated_now = now + TimeDelta::seconds(quirks.clock_skew_seconds);
        reply.headers.push(("date".to_owned(), http_date(stated_now)));
        let is_kept = |name: &str| HEADERS_OF_INTEREST.contains(&name);
        self.api.write_down((request.head, request.body), is_kept, (now, reply.status));
        reply
    }

    fn honest_answer(&self, request: &Asked<'_>, effect: Option<&Effect>) -> Reply {
        let Asked { head, body, now, quirks } = *request;
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
                bend: bend_of(effect),
                feed: &*self.settings.feed,
                posted: is_post.then_some(&body[..]),
                serial: if is_post { self.serial.fetch_add(1, Ordering::Relaxed) } else { 0 },
                files_base_url: &self.files_base_url,
            };
            match self.settings.platform {
                Platform::Konpro => konpro::answer(&call),
                Platform::Konvo if is_post => Reply::method_not_allowed(),
                Platform::Konvo => konvo::answer(&call),
                Platform::Realtimekit => realtimekit::answer(&call),
            }
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
        let mut calls = hold(&self.calls);
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
        Some(match self.settings.platform {
            Platform::Konpro => konpro::unauthorized(sent.is_some()),
            Platform::Konvo => konvo::unauthorized(),
            Platform::Realtimekit => realtimekit::unauthorized(sent.is_some()),
        })
    }

    fn rate_limited(&self, retry_after: RetryAfter, now: DateTime<Utc>, quirks: &Quirks) -> Reply {
        let mut reply = match self.settings.platform {
            Platform::Konpro => konpro::too_many(),
            Platform::Konvo => konvo::too_many(),
            Platform::Realtimekit => realtimekit::too_many(),
        };
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

    fn truth(&self, now: DateTime<Utc>) -> Reply {
        let truth =
            self.settings.feed.truth_with(now, &self.quirks()).and_then(|truth| serde_json::to_vec(&truth).ok());
        truth.map_or_else(|| Reply::json(404, "{}"), |body| Reply::json(200, body))
    }
}

fn bend_of(effect: Option<&Effect>) -> Bend {
    match effect {
        Some(Effect::MissingListKey) => Bend { without_list_key: true, ..Bend::default() },
        Some(Effect::EmptyPage) => Bend { empty_page: true, ..Bend::default() },
        Some(Effect::ShortPage) => Bend { short_page: true, ..Bend::default() },
        Some(Effect::PageCycle { length }) => Bend { page_cycle: Some(*length), ..Bend::default() },
        _ => Bend::default(),
    }
}

fn http_date(at: DateTime<Utc>) -> String {
    httpdate::fmt_http_date(SystemTime::from(at))
}

/// A request, the time it arrived, and the provider's quirks.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    head: &'a Parts,
    body: &'a Bytes,
    now: DateTime<Utc>,
    quirks: &'a Quirks,
}

/// Returns a listener without Nagle's algorithm, so that small answers are sent at once.
fn quiet(listener: tokio::net::TcpListener) -> impl Listener<Addr = std::net::SocketAddr> {
    listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    })
}

/// Serves until `stop`, including files if there is a listener for them.
pub(super) async fn serve(
    listener: tokio::net::TcpListener,
    files: Option<tokio::net::TcpListener>,
    site: Arc<Site>,
    stop: CancellationToken,
) {
    let router = Router::new().fallback(handle).with_state(Arc::clone(&site));
    let api = axum::serve(quiet(listener), router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let files = async {
        if let Some(files) = files {
            file_host::serve(files, site, stop).await;
        }
    };
    let _ = tokio::join!(api.into_future(), files);
}

async fn handle(State(site): State<Arc<Site>>, request: Request<axum::body::Body>) -> Result<Response, Infallible> {
    if request.uri().path() == "/truth" {
        let mut reply = site.truth(site.settings.clock.now());
        reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        return Ok(respond(reply, None));
    }
    let effect = site.api.next_effect(request.uri().path());
    ListenerState::before_answer(effect.as_ref()).await;
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST_BODY_BYTES).await.unwrap_or_default();
    let (now, quirks) = (site.settings.clock.now(), site.quirks());
    let reply = site.answer(&Asked { head: &head, body: &body, now, quirks: &quirks }, effect.as_ref());
    Ok(respond(reply, effect.as_ref()))
}
