//! Faults: errors that happen at requests chosen in advance.
//!
//! Each request takes the first [`Fault`] of a script that is due and not used up. That fault affects this request
//! alone. Some faults replace the answer; others change the list, damage the body or act before the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The retry time in a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this many seconds.
    Seconds(u32),
    /// An HTTP date this many seconds after the answer's own `Date`.
    HttpDate(u32),
    /// No retry time.
    Absent,
}

/// A function that runs before an answer.
#[derive(Clone)]
pub struct Action(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Action")
    }
}

/// The effect of a fault.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A fixed answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers besides `Date`; `content-type` is JSON unless given.
        headers: Vec<(String, String)>,
        /// Exact body.
        body: Vec<u8>,
    },
    /// 429 with the provider's own body.
    RateLimited(RetryAfter),
    /// The list's key is missing; everything else is present.
    MissingListKey,
    /// The body breaks off halfway, though its full length was announced.
    CutBody,
    /// The body breaks off halfway; no length was announced.
    CutBodyOfUnknownLength,
    /// The body is the first half, with a matching length, so that HTTP does not reveal the loss.
    ShortBody,
    /// The body arrives in small pieces with a pause before each.
    SlowDrip {
        /// Size of a piece, bytes.
        piece_bytes: usize,
        /// Pause before each piece.
        pause: Duration,
    },
    /// The body is valid, but padded to at least this many bytes.
    OversizedBody {
        /// Minimum size, bytes.
        bytes: usize,
    },
    /// The page is empty, though the total says otherwise.
    EmptyPage,
    /// The page has the first half of its records, as if the others did not exist.
    ShortPage,
    /// Page numbers and tokens wrap around after this many pages: 1 repeats the first page for ever.
    PageCycle {
        /// Number of pages before the first one repeats.
        length: usize,
    },
    /// The answer arrives late.
    Delay(Duration),
    /// Runs this before the request is answered, for example to change a [`crate::fixed_feed::FixedFeed`].
    Before(Action),
}

impl Effect {
    /// An HTML page with status 200, as a proxy in between might send.
    pub fn html() -> Self {
        Self::Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: b"<html><head><title>Just a moment</title></head><body>Just a moment</body></html>".to_vec(),
        }
    }

    /// An error in the form of KonPro's sibling service, with status 200.
    pub fn error_object() -> Self {
        Self::json(200, r#"{"code":400112,"message":"Unauthorized","data":null}"#)
    }

    /// A 403 with XML, as an object store refuses a link.
    pub fn forbidden_xml() -> Self {
        Self::Answer {
            status: 403,
            headers: vec![("content-type".to_owned(), "application/xml".to_owned())],
            body: b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code></Error>".to_vec(),
        }
    }

    /// Status 200 and an empty body.
    pub fn zero_bytes() -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: Vec::new() }
    }

    /// A 302 to this address.
    pub fn redirect(to: &str) -> Self {
        Self::Answer { status: 302, headers: vec![("location".to_owned(), to.to_owned())], body: Vec::new() }
    }

    /// This JSON body with this status.
    pub fn json(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    /// Runs `action` before the request is answered.
    pub fn before(action: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Before(Action(Arc::new(action)))
    }
}

/// A fault and when it happens. By default it happens once, at the next request; the other methods change that.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    from_request: u64,
    left: u64,
    only: Option<String>,
}

impl Fault {
    /// Creates a fault that happens once.
    pub fn new(effect: Effect) -> Self {
        Self { effect, from_request: 1, left: 1, only: None }
    }

    /// Starts at the `k`-th request since the script was set, counted from 1.
    #[must_use]
    pub fn from_request(mut self, k: u64) -> Self {
        self.from_request = k;
        self
    }

    /// Affects only requests whose path contains `part`, `/transcript` for example. Other requests are still counted.
    #[must_use]
    pub fn only(mut self, part: &str) -> Self {
        self.only = Some(part.to_owned());
        self
    }

    /// Affects this many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.left = times;
        self
    }

    /// Affects every request.
    #[must_use]
    pub fn forever(self) -> Self {
        self.times(u64::MAX)
    }
}

/// The faults that remain, and the number of requests so far.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Fault>,
    requests: u64,
}

impl Script {
    /// Creates a script that counts from the next request.
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self { faults, requests: 0 }
    }

    /// Appends a fault.
    pub(super) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Counts a request of `path` and returns the effect on it.
    pub(super) fn next_effect(&mut self, path: &str) -> Option<Effect> {
        self.requests += 1;
        let requests = self.requests;
        let concerns = |fault: &Fault| fault.only.as_ref().is_none_or(|part| path.contains(part.as_str()));
        let is_due = |fault: &&mut Fault| fault.left > 0 && fault.from_request <= requests && concerns(fault);
        let due = self.faults.iter_mut().find(is_due)?;
        due.left -= 1;
        Some(due.effect.clone())
    }
}
