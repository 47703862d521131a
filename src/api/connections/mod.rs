//! The connections of callers: how many there may be, and how long each may take.
//!
//! The cap leaves at least half of the process's files to polling. At the cap, the connection that has been idle for
//! longest is closed in favour of the new one, so that idle callers lock no other out. This module does not know what
//! is asked.

mod traffic;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub use self::traffic::ConnectionLimits;

use self::traffic::{Counted, Traffic, Watched};

use crate::api::access::tls::{ByTls, Tls};
use crate::api::request_body::BodyWithin;

/// Answers the connections of `listener`, with TLS where it is given, until `stop`, and then the requests under way to
/// their end.
pub async fn serve(
    mut listener: impl Listener<Addr = SocketAddr>,
    tls: Option<Arc<Tls>>,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let connections = Arc::new(Connections::default());
    let router = router.layer(Extension(ByTls(tls.is_some())));
    // dropped with this future, which cuts off what is still open
    let mut tasks = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = connections.make_room(limits.max_connections) => {}
        }
        let (number, traffic) = connections.begin();
        let (router, tls, connections, stop) = (router.clone(), tls.clone(), Arc::clone(&connections), stop.clone());
        tasks.spawn(async move {
            match tls {
                None => answer(stream, peer, router, &traffic, limits, stop).await,
                Some(tls) => {
                    let handshake = timeout(limits.header, tls.accept(stream));
                    let made = tokio::select! {
                        made = handshake => made.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
                        () = traffic.room_wanted.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
                        () = stop.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
                    };
                    match made {
                        Ok(stream) => answer(stream, peer, router, &traffic, limits, stop).await,
                        Err(error) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    }
                }
            }
            connections.end(number);
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Answers one connection until it ends, is too slow, or has to make room. Between two requests, most of its memory is
/// what the protocol holds for it: an idle connection frees that until the next request comes.
async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    traffic: &Arc<Traffic>,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let stream = Arc::new(Mutex::new(stream));
    let mut next = None;
    loop {
        let watched = Watched { stream: Arc::clone(&stream), next, traffic: Arc::clone(traffic) };
        // on the heap: a task keeps the room of its largest state
        if !Box::pin(answer_requests(watched, peer, &router, traffic, &limits, &stop)).await {
            return;
        }
        next = tokio::select! {
            byte = next_byte(&stream) => byte,
            () = stop.cancelled() => None,
            () = traffic.room_wanted.cancelled() => None,
            () = sleep_until(traffic.last_active() + limits.idle) => None,
        };
        if next.is_none() {
            return;
        }
    }
}

/// Answers the requests of a connection; returns whether it stays open, and is idle.
async fn answer_requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: Watched<S>,
    peer: SocketAddr,
    router: &Router,
    traffic: &Arc<Traffic>,
    limits: &ConnectionLimits,
    stop: &CancellationToken,
) -> bool {
    let service = service_fn(|request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(BodyWithin(limits.body));
        let (router, request_traffic) = (router.clone(), Arc::clone(traffic));
        let in_flight = request_traffic.request(request.version());
        async move { router.oneshot(request).await.map(|response| response.map(|body| Counted::over(body, in_flight))) }
    });
    let builder = Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection broke");
                }
                return false;
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = traffic.room_wanted.cancelled() => return false,
            () = sleep_until(traffic.next_look(limits)) => {
                if traffic.is_too_slow(limits) {
                    return false;
                }
                if traffic.is_between_requests() && !is_stopping {
                    return true;
                }
            }
        }
    }
}

/// Waits for the next byte; `None`: the connection ended.
async fn next_byte<S: AsyncRead + Unpin>(stream: &Mutex<S>) -> Option<u8> {
    poll_fn(|context| {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
        Poll::Ready(read.ok().and_then(|()| buffer.filled().first().copied()))
    })
    .await
}

/// The open connections.
#[derive(Default)]
struct Connections {
    open: Mutex<Open>,
    ended: Notify,
}

#[derive(Default)]
struct Open {
    last_number: u64,
    traffic: BTreeMap<u64, Arc<Traffic>>,
}

impl Connections {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> (u64, Arc<Traffic>) {
        let (mut open, traffic) = (self.open(), Arc::new(Traffic::default()));
        open.last_number += 1;
        let number = open.last_number;
        open.traffic.insert(number, Arc::clone(&traffic));
        (number, traffic)
    }

    fn end(&self, number: u64) {
        self.open().traffic.remove(&number);
        self.ended.notify_waiters();
    }

    /// Waits until there are fewer than `max` connections; closes the one that has been idle for longest.
    async fn make_room(&self, max: usize) {
        loop {
            let ended = self.ended.notified();
            {
                let open = self.open();
                if open.traffic.len() < max {
                    return;
                }
                let idlest = open.traffic.values().filter(|traffic| traffic.is_idle()).min_by_key(|t| t.last_active());
                if let Some(idlest) = idlest {
                    idlest.room_wanted.cancel();
                }
            }
            // where all are busy, the next that becomes idle is closed
            let _ = timeout(Duration::from_millis(50), ended).await;
        }
    }
}
