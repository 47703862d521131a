//! Answers over HTTP: their conversion, damaged if a fault says so, their date, and the connections they take.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::serve::{Listener, ListenerExt as _};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use tokio::net::TcpListener;

use crate::faults::Effect;
use crate::listing::Reply;

/// Padding is sent in pieces of this size, so that a large body needs little memory.
static PADDING: [u8; 64 * 1024] = [b' '; 64 * 1024];

/// Returns a listener without Nagle's algorithm, so that small answers are sent at once.
pub(super) fn quiet(listener: TcpListener) -> impl Listener<Addr = SocketAddr> {
    listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    })
}

/// Returns an instant in the form of the header `Date`.
pub(super) fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Returns the answer with its body.
pub(super) fn respond(reply: Reply, effect: Option<&Effect>) -> Response {
    let length = reply.body.len();
    let body = match effect {
        Some(Effect::CutBody | Effect::CutBodyOfUnknownLength) => cut(&reply.body),
        Some(Effect::ShortBody) => Body::from(reply.body[..length / 2].to_vec()),
        Some(Effect::OversizedBody { bytes }) => padded(reply.body, *bytes),
        Some(Effect::SlowDrip { piece_bytes, pause }) => drip(reply.body, *piece_bytes, *pause),
        _ => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if matches!(effect, Some(Effect::CutBody | Effect::SlowDrip { .. })) {
        response.headers_mut().insert("content-length", HeaderValue::from(length));
    }
    response
}

/// Returns the first half of a body, followed by the end of the connection.
fn cut(body: &[u8]) -> Body {
    let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let end = async {
        // The half must be sent first; otherwise the caller receives no answer at all.
        tokio::time::sleep(Duration::from_millis(30)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(end)))
}

/// Returns the body with white space before it, which JSON allows.
fn padded(body: Vec<u8>, bytes: usize) -> Body {
    let padding = stream::repeat(Bytes::from_static(&PADDING)).take(bytes.div_ceil(PADDING.len()));
    Body::from_stream(padding.chain(stream::iter([Bytes::from(body)])).map(Ok::<_, Infallible>))
}

/// Returns the body piece by piece.
fn drip(body: Vec<u8>, piece_bytes: usize, pause: Duration) -> Body {
    let body = Bytes::from(body);
    let starts = (0..body.len()).step_by(piece_bytes.max(1));
    let pieces: Vec<Bytes> = starts.map(|at| body.slice(at..body.len().min(at + piece_bytes.max(1)))).collect();
    let paced = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(piece)
    });
    Body::from_stream(paced)
}
