//! The host of the files that links lead to: an object store with signed links.
//!
//! It requires no key: a valid link gives access until it expires. Errors are XML. All headers of a request are
//! recorded, so that tests can check what was sent.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::listener_state::ListenerState;
use super::respond::{http_date, quiet, respond};
use super::site::Site;
use crate::faults::Effect;
use crate::feed::{FileKind, FileRequest};
use crate::listing::Reply;
use crate::signed_link::{BUCKET, signature};

fn xml_error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Reply { status, headers, body: body.into_bytes() }
}

/// Returns the file for a path and a query, or an error.
fn find(site: &Site, path: &str, query: &[(String, String)], now: DateTime<Utc>) -> Reply {
    let parameter = |name| query.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.as_str());
    let format = parameter("format");
    let Ok(expires_ms) = parameter("expires").parse() else {
        return xml_error(403, "AccessDenied", "Access Denied");
    };
    if parameter("signature") != signature(path, format, expires_ms) {
        return xml_error(403, "SignatureDoesNotMatch", "The signature does not match.");
    }
    if now.timestamp_millis() >= expires_ms {
        return xml_error(403, "AccessDenied", "Request has expired");
    }
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let found = match parts.as_slice() {
        [BUCKET, id, name] => FileKind::ALL.into_iter().find(|kind| kind.as_str() == *name).and_then(|kind| {
            let request = FileRequest { kind, format, now, quirks: &site.quirks() };
            site.settings.feed.file(site.settings.feed.find(id, now)?, request)
        }),
        _ => None,
    };
    let Some(file) = found else {
        return xml_error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let headers = vec![("content-type".to_owned(), file.content_type.to_owned())];
    Reply { status: 200, headers, body: file.bytes }
}

/// Serves until `stop`.
pub(super) async fn serve(listener: tokio::net::TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let router = Router::new().fallback(handle).with_state(site);
    let _ = axum::serve(quiet(listener), router).with_graceful_shutdown(stop.cancelled_owned()).await;
}

async fn handle(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Infallible> {
    let state: &ListenerState = &site.files;
    let effect = state.next_effect(request.uri().path());
    ListenerState::before_answer(effect.as_ref()).await;
    let now = site.settings.now.get();
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
    let mut reply = match &effect {
        Some(Effect::Answer { status, headers, body }) => {
            Reply { status: *status, headers: headers.clone(), body: body.clone() }
        }
        _ if request.method() != axum::http::Method::GET => xml_error(405, "MethodNotAllowed", "Not allowed"),
        _ => find(&site, request.uri().path(), &query, now),
    };
    reply.headers.push(("date".to_owned(), http_date(now)));
    let (head, _) = request.into_parts();
    state.write_down((&head, &[]), |_| true, (now, reply.status));
    Ok(respond(reply, effect.as_ref()))
}
