//! Callers that go away before they have their answer.
//!
//! The HTTP server drops the future of such a request, and with it each statement that runs for it. This layer notes
//! the departure first, so that the pools close those connections and the statements end. An answer that is written bit
//! by bit counts until its last byte.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::db::Departures;

/// Notes a departure when it is dropped, unless the work was finished.
struct Guard {
    departures: Departures,
    is_finished: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_finished {
            self.departures.note();
        }
    }
}

/// Answers a request; notes if its caller goes away meanwhile.
pub(crate) async fn watch(State(departures): State<Departures>, request: Request, next: Next) -> Response {
    let mut answer = pin!(next.run(request));
    // declared later, so dropped earlier than the statements in the answer
    let mut guard = Guard { departures, is_finished: false };
    let response = answer.as_mut().await;
    if response.body().size_hint().exact().is_some() {
        guard.is_finished = true;
        return response;
    }
    response.map(|body| Body::new(WatchedBody { guard, body }))
}

/// A body that may still read from the database. The guard is dropped before the body.
struct WatchedBody {
    guard: Guard,
    body: Body,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.guard.is_finished = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
