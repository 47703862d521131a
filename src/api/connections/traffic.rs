//! The traffic of one connection: what it is doing, and since when.
//!
//! It is noted where bytes pass and where requests begin and end, so that a connection without any byte, an unfinished
//! header, an idle connection and a caller that does not read are told apart. Time limits of bodies are kept where
//! bodies are read.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::Version;
use hyper::body::{Frame, SizeHint};
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time limits and the cap of connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// From the first byte of a request to the end of its header.
    pub header: Duration,
    /// From the end of a header to the end of the body.
    pub body: Duration,
    /// Without a byte and without a request under way.
    pub idle: Duration,
    /// Without the caller taking a byte of its answer.
    pub stalled: Duration,
    /// Most connections at once.
    pub max_connections: usize,
}

impl ConnectionLimits {
    /// Returns the limits with at most `max` connections, and at most half as many as this process may open files.
    pub fn of_process(max: usize) -> Self {
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files / 2).ok());
        Self {
            header: Duration::from_secs(15),
            body: Duration::from_secs(20),
            idle: Duration::from_secs(75),
            stalled: Duration::from_mins(1),
            max_connections: files.map_or(max, |half| half.clamp(1, max)),
        }
    }
}

/// A connection that was idle for longer frees its buffers.
const FREES_AFTER: Duration = Duration::from_millis(500);

/// What a connection is doing. Times are milliseconds since it began, plus one; 0: it is not doing this.
#[derive(Debug)]
pub(super) struct Traffic {
    began: Instant,
    in_flight: AtomicUsize,
    active_at: AtomicU64,
    header_since: AtomicU64,
    blocked_since: AtomicU64,
    /// Whether the last request was one of HTTP/1: other versions keep a state between requests.
    is_http1: AtomicBool,
    /// Whether the last bytes ended a header, so that nothing of a next request was read with them.
    ends_header: AtomicBool,
    /// Cancelled to close the connection in favour of another.
    pub(super) room_wanted: CancellationToken,
}

impl Default for Traffic {
    fn default() -> Self {
        let never = || AtomicU64::new(0);
        Self {
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            active_at: never(),
            header_since: never(),
            blocked_since: never(),
            is_http1: AtomicBool::new(false),
            ends_header: AtomicBool::new(false),
            room_wanted: CancellationToken::new(),
        }
    }
}

impl Traffic {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn at(&self, millis: u64) -> Instant {
        self.began + Duration::from_millis(millis)
    }

    /// Returns whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0
    }

    /// Returns when a byte last passed, or a request last ended.
    pub(super) fn last_active(&self) -> Instant {
        self.at(self.active_at.load(Relaxed))
    }

    /// Begins a request, which lasts until the returned value is dropped.
    pub(super) fn request(self: Arc<Self>, version: Version) -> InFlight {
        self.is_http1.store(version <= Version::HTTP_11, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.header_since.store(0, Relaxed);
        InFlight(self)
    }

    fn deadline(&self, limits: &ConnectionLimits) -> Option<Instant> {
        let (header, blocked) = (self.header_since.load(Relaxed), self.blocked_since.load(Relaxed));
        match (blocked, self.is_idle(), header) {
            (1.., _, _) => Some(self.at(blocked) + limits.stalled),
            (0, false, _) => None,
            (0, true, 1..) => Some(self.at(header) + limits.header),
            (0, true, 0) => Some(self.last_active() + limits.idle),
        }
    }

    /// Returns whether a time limit has passed.
    pub(super) fn is_too_slow(&self, limits: &ConnectionLimits) -> bool {
        self.deadline(limits).is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Returns the earliest time at which a limit can have passed: what the connection does may change meanwhile.
    pub(super) fn next_look(&self, limits: &ConnectionLimits) -> Instant {
        let shortest = limits.header.min(limits.idle).min(limits.stalled).min(FREES_AFTER);
        let unknown = Instant::now() + shortest;
        self.deadline(limits).map_or(unknown, |deadline| deadline.min(unknown))
    }

    /// Returns whether it has been idle for a while, with nothing read of a next request and nothing left to write.
    pub(super) fn is_between_requests(&self) -> bool {
        let is_quiet = self.is_idle() && self.header_since.load(Relaxed) == 0 && self.blocked_since.load(Relaxed) == 0;
        let is_whole = self.is_http1.load(Relaxed) && self.ends_header.load(Relaxed);
        is_quiet && is_whole && self.last_active().elapsed() >= FREES_AFTER
    }

    fn has_read(&self, bytes: &[u8]) {
        let now = self.now();
        self.ends_header.store(bytes.ends_with(b"\r\n\r\n"), Relaxed);
        self.active_at.store(now, Relaxed);
        if self.is_idle() && self.header_since.load(Relaxed) == 0 {
            self.header_since.store(now, Relaxed);
        }
    }

    fn has_written(&self, is_blocked: bool) {
        let now = self.now();
        if !is_blocked {
            self.active_at.store(now, Relaxed);
            self.blocked_since.store(0, Relaxed);
        } else if self.blocked_since.load(Relaxed) == 0 {
            self.blocked_since.store(now, Relaxed);
        }
    }
}

/// A request under way.
pub(super) struct InFlight(Arc<Traffic>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.active_at.store(self.0.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer; its request is under way until the last byte is made.
pub(super) struct Counted {
    body: Body,
    _in_flight: InFlight,
}

impl Counted {
    pub(super) fn over(body: Body, in_flight: InFlight) -> Self {
        Self { body, _in_flight: in_flight }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose bytes are noted. It outlives what the protocol holds.
pub(super) struct Watched<S> {
    pub(super) stream: Arc<Mutex<S>>,
    /// A byte that was read before.
    pub(super) next: Option<u8>,
    pub(super) traffic: Arc<Traffic>,
}

impl<S> Watched<S> {
    fn stream(&self) -> MutexGuard<'_, S> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Some(byte) = self.next.take() {
            buffer.put_slice(&[byte]);
        } else {
            ready!(Pin::new(&mut *self.stream()).poll_read(context, buffer))?;
        }
        if buffer.filled().len() > before {
            self.traffic.has_read(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.stream()).poll_write(context, bytes);
        self.traffic.has_written(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.stream()).poll_write_vectored(context, buffers);
        self.traffic.has_written(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut *self.stream()).poll_flush(context);
        if flushed.is_pending() || self.traffic.blocked_since.load(Relaxed) > 0 {
            self.traffic.has_written(flushed.is_pending());
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(context)
    }
}
