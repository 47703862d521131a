//! The layer that answers a request from memory, before it is read.
//!
//! An answer is recalled while its minute lasts and the version of the data is the same. The rest of the minute bounds
//! what callers may keep themselves. Only answers with an entity tag are kept: their handlers name all that they depend
//! on. The layer stands behind all that checks the caller.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{Extension, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use sqlx::PgPool;

use crate::api::etag::{Brief, MAX_AGE_SECONDS};
use crate::api::memory::answers::{Inner, Memory, Recalled, RequestKey, View};
use crate::api::memory::kept::Kept;
use crate::api::replica::handle::ReplicaRead;
use crate::clock::Clock;
use crate::db::Departures;
use crate::query::digest::digest;
use crate::telemetry::metrics;

/// Longest wait for the version of the data; without it, the answer is computed.
const VERSION_WITHIN: Duration = Duration::from_millis(500);
/// Largest body of an answer that is kept for a request only, bytes.
const MAX_BODY_BYTES: u64 = 1 << 20;

/// What the layer needs; an extension of the request.
#[derive(Debug, Clone)]
pub(crate) struct Recall {
    pub(crate) memory: Memory,
    pub(crate) clock: Arc<dyn Clock>,
    /// Connections for the version of the data of the primary.
    pub(crate) probes: PgPool,
    pub(crate) departures: Departures,
}

/// Answers from memory where possible; keeps what may be asked again.
pub(crate) async fn recall(Extension(state): Extension<Recall>, request: Request, next: Next) -> Response {
    let now = state.clock.now();
    let until = now.with_second(0).and_then(|at| at.with_nanosecond(0)).map_or(now, |at| at + TimeDelta::minutes(1));
    let Some(inner) = state.memory.0.clone() else { return bounded(next.run(request).await, now, until) };
    if request.method() != Method::GET {
        let is_safe = request.method().is_safe();
        let response = next.run(request).await;
        // a question has a tag; all else may have written
        if !is_safe && !response.headers().contains_key(header::ETAG) {
            state.memory.doubt();
        }
        return bounded(response, now, until);
    }
    let (wanted, asked) = (wanted(&request), request.headers().clone());
    let replica = request.extensions().get::<ReplicaRead>().cloned();
    let version = if wanted.is_some() { version(&state, &inner, replica.as_ref()).await } else { None };
    let Some((version, (asked_for, accept, view))) = version.zip(wanted) else {
        return bounded(next.run(request).await, now, until);
    };
    let commands = replica.map(|replica| replica.commands);
    let key = RequestKey { version, commands, view, asked: asked_for, accept };
    let found = inner.requests.get(&key).await.filter(|found| now < found.until);
    metrics::count_recall(found.is_some());
    if let Some(found) = found {
        return bounded(found.kept.respond(&asked), now, found.until);
    }
    let mut response = next.run(request).await;
    let is_brief = response.extensions().get::<Brief>().is_some();
    if is_brief || response.status() != StatusCode::OK || !response.headers().contains_key(header::ETAG) {
        return bounded(response, now, until);
    }
    let mut kept = response.extensions_mut().remove::<Arc<Kept>>();
    if kept.is_none() && response.body().size_hint().exact().is_some_and(|length| length <= MAX_BODY_BYTES) {
        match Kept::of(response).await {
            Ok(new) => {
                response = new.respond(&asked);
                kept = Some(new);
            }
            Err(error) => return axum::response::IntoResponse::into_response(error),
        }
    }
    if let Some(kept) = kept {
        inner.requests.insert(key, Recalled { kept, until }).await;
    }
    bounded(response, now, until)
}

/// Returns what of a request belongs to its key; `None` for paths that are never kept.
fn wanted(request: &Request) -> Option<(String, String, View)> {
    let asked = request.uri().path_and_query()?.as_str();
    let is_kept = asked.starts_with("/v1/") && !asked.starts_with("/v1/health/") && !asked.starts_with("/v1/freshness");
    let accept = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",");
    let view = request.extensions().get::<View>()?.clone();
    is_kept.then(|| (asked.to_owned(), accept, view))
}

/// Returns the version of the data; `None`: the database does not say it now.
async fn version(state: &Recall, inner: &Inner, replica: Option<&ReplicaRead>) -> Option<Arc<str>> {
    let [of_primary, of_replica] = &inner.versions;
    let (version, probes) = match replica {
        Some(replica) => (of_replica, &replica.probes),
        None => (of_primary, &state.probes),
    };
    let ask = async {
        let mut read = pin!(digest(probes));
        let read = tokio::time::timeout(VERSION_WITHIN, read.as_mut()).await;
        // before the statement is dropped
        read.inspect_err(|_| state.departures.note()).ok()?.ok()
    };
    version.current(ask).await
}

/// Lets callers keep a tagged answer until `until` at most.
fn bounded(mut response: Response, now: DateTime<Utc>, until: DateTime<Utc>) -> Response {
    if !response.headers().contains_key(header::ETAG) {
        return response;
    }
    let is_brief = response.extensions_mut().remove::<Brief>().is_some();
    let left = if is_brief { 0 } else { (until - now).num_seconds().clamp(0, MAX_AGE_SECONDS) };
    if let Ok(value) = HeaderValue::from_str(&format!("private, max-age={left}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}
