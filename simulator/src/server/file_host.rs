//! The host of the files that links lead to: an object store with signed links.
//!
//! It requires no key: a valid link gives access until it expires. Errors are XML. All headers of a request are
//! recorded, so that tests can check what was sent.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::Method;
use axum::response::Response;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::listener_state::ListenerState;
use super::respond::{http_date, quiet, respond};
use super::site::Site;
use crate::faults::Effect;
use crate::feed::FileRequest;
use crate::listing::Reply;
use crate::signed_link::{self, NO_FILE, Refusal};

fn xml_error((status, code, message): Refusal) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Reply { status, headers, body: body.into_bytes() }
}

/// Returns the file for a path and a query.
fn find(site: &Site, path: &str, query: &[(String, String)], now: DateTime<Utc>) -> Result<Reply, Refusal> {
    let (id, kind, format) = signed_link::open(path, query, now)?;
    let feed = &site.settings.feed;
    let request = FileRequest { kind, format, now, quirks: &site.quirks() };
    let file = feed.find(id, now).and_then(|key| feed.file(key, request)).ok_or(NO_FILE)?;
    let headers = vec![("content-type".to_owned(), file.content_type.to_owned())];
    Ok(Reply { status: 200, headers, body: file.bytes })
}

/// Serves until `stop`.
pub(super) async fn serve(listener: TcpListener, site: Arc<Site>, stop: CancellationToken) {
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
        _ if request.method() != Method::GET => xml_error((405, "MethodNotAllowed", "Not allowed")),
        _ => find(&site, request.uri().path(), &query, now).unwrap_or_else(xml_error),
    };
    reply.headers.push(("date".to_owned(), http_date(now)));
    let (head, _) = request.into_parts();
    state.record((&head, &[]), |_| true, (now, reply.status));
    Ok(respond(reply, effect.as_ref()))
}
