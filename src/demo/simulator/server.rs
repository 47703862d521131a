//! The HTTP side of a simulated provider: one handler for all paths.
//!
//! A request is written down, meets the fault that is due, has its key checked, is answered by its
//! provider's file, and the answer gets its `Date`. Bodies are damaged here, last of all. Knows no path
//! besides `/truth` and no record.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::demo::simulator::faults::{Effect, Fault, RetryAfter, Script};
use crate::demo::simulator::listing::{Bend, Call, Reply};
use crate::demo::simulator::quirks::Quirks;
use crate::demo::simulator::{Platform, RequestRecord, Simulator, SimulatorSettings, konpro, konvo, realtimekit};

/// Headers that are written down.
const HEADERS_OF_INTEREST: [&str; 6] = ["authorization", "x-api-key", "accept", "user-agent", "referer", "cookie"];

/// Padding is sent in pieces of this size, so that a large body costs no memory here.
static PADDING: [u8; 64 * 1024] = [b' '; 64 * 1024];

/// One simulated provider.
#[derive(Debug)]
pub(super) struct Site {
    settings: SimulatorSettings,
    quirks: Mutex<Quirks>,
    script: Mutex<Script>,
    requests: Mutex<VecDeque<RequestRecord>>,
    /// Start of the window in which calls are counted, and how many came.
    calls: Mutex<Option<(DateTime<Utc>, u32)>>,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    pub(super) fn new(settings: SimulatorSettings) -> Self {
        Self {
            quirks: Mutex::new(settings.quirks.clone()),
            settings,
            script: Mutex::default(),
            requests: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    pub(super) fn requests(&self) -> Vec<RequestRecord> {
        hold(&self.requests).iter().cloned().collect()
    }

    pub(super) fn script(&self, faults: Vec<Fault>) {
        *hold(&self.script) = Script::new(faults);
    }

    pub(super) fn fault(&self, fault: Fault) {
        hold(&self.script).push(fault);
    }

    pub(super) fn set_quirks(&self, quirks: Quirks) {
        *hold(&self.quirks) = quirks;
    }

    /// Writes a request down and returns its answer, faults included except for damage to the body.
    fn answer(&self, request: &Request, effect: Option<&Effect>, now: DateTime<Utc>, quirks: &Quirks) -> Reply {
        let mut reply = match effect {
            Some(Effect::Answer { status, headers, body }) => {
                Reply { status: *status, headers: headers.clone(), body: body.clone() }
            }
            Some(Effect::RateLimited(retry_after)) => self.rate_limited(*retry_after, now, quirks),
            _ => self.honest_answer(request, effect, now, quirks),
        };
        if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let stated_now = now + TimeDelta::seconds(quirks.clock_skew_seconds);
        reply.headers.push(("date".to_owned(), http_date(stated_now)));
        self.write_down(request, now, reply.status);
        reply
    }

    fn honest_answer(&self, request: &Request, effect: Option<&Effect>, now: DateTime<Utc>, quirks: &Quirks) -> Reply {
        let quota = self.count_call(now, quirks);
        let mut reply = if let Some((0, reset_seconds)) = quota {
            let mut refused = realtimekit::too_many();
            refused.headers.push(("retry-after".to_owned(), reset_seconds.to_string()));
            refused
        } else if request.method() != axum::http::Method::GET {
            Reply::json(405, r#"{"message":"Method Not Allowed"}"#)
        } else if let Some(refused) = self.refuse_key(request.headers()) {
            refused
        } else {
            let parameters = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
            let parameters = parameters.map(|query| query.0).unwrap_or_default();
            let feed = &*self.settings.feed;
            let call =
                Call { path: request.uri().path(), parameters: &parameters, now, quirks, bend: bend_of(effect), feed };
            match self.settings.platform {
                Platform::Konpro => konpro::answer(&call),
                Platform::Konvo => konvo::answer(&call),
                Platform::Realtimekit => realtimekit::answer(&call),
            }
        };
        if let Some((left, reset_seconds)) = quota {
            let left = left.saturating_sub(1);
            reply.headers.extend(realtimekit::quota_headers(left, reset_seconds, quirks.calls_per_window));
        }
        reply
    }

    /// For RealtimeKit: how many calls were left before this one, and in how many seconds all are back.
    fn count_call(&self, now: DateTime<Utc>, quirks: &Quirks) -> Option<(u32, i64)> {
        (self.settings.platform == Platform::Realtimekit).then_some(())?;
        let mut calls = hold(&self.calls);
        let window = TimeDelta::seconds(realtimekit::WINDOW_SECONDS);
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

    fn write_down(&self, request: &Request, at: DateTime<Utc>, status: u16) {
        let of_interest = HEADERS_OF_INTEREST.iter().filter_map(|name| {
            let value = request.headers().get(*name)?;
            Some(((*name).to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        let record = RequestRecord {
            method: request.method().to_string(),
            path_and_query: request.uri().to_string(),
            headers: of_interest.collect(),
            at,
            status,
        };
        let mut requests = hold(&self.requests);
        if requests.len() == Simulator::KEPT_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(record);
    }

    fn truth(&self, now: DateTime<Utc>) -> Reply {
        let truth = self.settings.feed.truth(now).and_then(|truth| serde_json::to_vec(&truth).ok());
        truth.map_or_else(|| Reply::json(404, "{}"), |body| Reply::json(200, body))
    }
}

fn bend_of(effect: Option<&Effect>) -> Bend {
    match effect {
        Some(Effect::MissingListKey) => Bend { without_list_key: true, ..Bend::default() },
        Some(Effect::EmptyPage) => Bend { empty_page: true, ..Bend::default() },
        Some(Effect::PageCycle { length }) => Bend { page_cycle: Some(*length), ..Bend::default() },
        _ => Bend::default(),
    }
}

fn http_date(at: DateTime<Utc>) -> String {
    httpdate::fmt_http_date(SystemTime::from(at))
}

/// Answers until `stop`.
pub(super) async fn serve(listener: tokio::net::TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let router = Router::new().fallback(handle).with_state(site);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true); // small answers must not wait for company
    });
    let _ = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
}

async fn handle(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Infallible> {
    if request.uri().path() == "/truth" {
        let mut reply = site.truth(site.settings.clock.now());
        reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        return Ok(respond(reply, None));
    }
    let effect = hold(&site.script).next_effect();
    match &effect {
        Some(Effect::Delay(delay)) => tokio::time::sleep(*delay).await,
        Some(Effect::Before(action)) => action(),
        _ => {}
    }
    let (now, quirks) = (site.settings.clock.now(), hold(&site.quirks).clone());
    let reply = site.answer(&request, effect.as_ref(), now, &quirks);
    Ok(respond(reply, effect.as_ref()))
}

/// The answer as HTTP, its body damaged if that is what happens to it.
fn respond(reply: Reply, effect: Option<&Effect>) -> Response {
    let length = reply.body.len();
    let body = match effect {
        Some(Effect::CutBody) => cut(&reply.body),
        Some(Effect::OversizedBody { bytes }) => padded(reply.body, *bytes),
        _ => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if matches!(effect, Some(Effect::CutBody)) {
        response.headers_mut().insert("content-length", HeaderValue::from(length));
    }
    response
}

/// The first half, and then the end of the connection.
fn cut(body: &[u8]) -> Body {
    let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let end = async {
        // The half must be on its way first, else the caller sees no answer at all.
        tokio::time::sleep(Duration::from_millis(30)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(end)))
}

/// White space, which JSON allows, before the body.
fn padded(body: Vec<u8>, bytes: usize) -> Body {
    let padding = stream::repeat(Bytes::from_static(&PADDING)).take(bytes.div_ceil(PADDING.len()));
    Body::from_stream(padding.chain(stream::iter([Bytes::from(body)])).map(Ok::<_, Infallible>))
}
