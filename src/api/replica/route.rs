//! The choice of the database for a request, and its repetition on the primary.
//!
//! A failure counts only from the primary: the replica may be lost, cancel a query for the sake of replay, or lack what
//! the primary has. Only a query that takes too long is not repeated, since it would take as long there.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::json_body::MAX_BODY_BYTES;
use crate::api::problem::{ApiError, Reported, TOO_EXPENSIVE};
use crate::api::replica::handle::Replica;
use crate::api::request_body;
use crate::telemetry::metrics;

/// Runs a request, on the replica if it `may_lag` and the replica serves. Any other request that is not safe counts as
/// a command.
pub(crate) async fn run(may_lag: bool, request: Request, next: Next) -> Response {
    let replica = request.extensions().get::<Replica>().cloned();
    let Some(replica) = replica.filter(|replica| replica.0.is_some()) else { return next.run(request).await };
    if may_lag {
        return read(&replica, request, next).await.unwrap_or_else(ApiError::into_response);
    }
    let is_command = !request.method().is_safe();
    let response = next.run(request).await;
    if is_command {
        replica.note_command();
    }
    response
}

async fn read(replica: &Replica, request: Request, next: Next) -> Result<Response, ApiError> {
    let Some(inner) = &replica.0 else { return Ok(next.run(request).await) };
    let read = match inner.read() {
        Ok(read) => read,
        Err(reason) => {
            metrics::count_replica_fallback(reason);
            return Ok(next.run(request).await);
        }
    };
    let (parts, body) = request.into_parts();
    let body = if parts.method.is_safe() {
        Bytes::new()
    } else {
        request_body::read(body, &parts.extensions, MAX_BODY_BYTES).await?
    };
    let mut first = Request::from_parts(parts.clone(), Body::from(body.clone()));
    first.extensions_mut().insert(read);
    let reason = tokio::select! {
        biased;
        response = next.clone().run(first) => {
            let is_final = !response.status().is_client_error() && !response.status().is_server_error();
            let code = response.extensions().get::<Reported>().map(Reported::code);
            if is_final || code == Some(TOO_EXPENSIVE) {
                return Ok(response);
            }
            if response.status().is_server_error() {
                inner.wake.notify_one();
            }
            "repeated"
        }
        // its statements may never return
        () = inner.lost() => {
            inner.settings.departures.note();
            "lost"
        }
    };
    metrics::count_replica_fallback(reason);
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}
