//! Accidents, told when to happen.
//!
//! A script of [`Fault`]s is worked off by the requests as they come: the first fault in it that is due
//! and not used up happens to a request, and to that one only. Faults that are an answer replace it;
//! others bend the list, damage the body or come before the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a refused caller is told when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// In so many seconds.
    Seconds(u32),
    /// At an HTTP date so many seconds after the answer's own `Date`.
    HttpDate(u32),
    /// Not at all.
    Absent,
}

/// What goes wrong.
#[derive(Clone)]
pub enum Effect {
    /// This answer instead.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers besides `Date`; `content-type` is JSON unless given.
        headers: Vec<(String, String)>,
        /// Body to the letter.
        body: Vec<u8>,
    },
    /// 429 with the provider's own body.
    RateLimited(RetryAfter),
    /// The list's key is missing, all else is there.
    MissingListKey,
    /// The body breaks off halfway, though its length was announced in full.
    CutBody,
    /// The body breaks off halfway; no length was announced.
    CutBodyOfUnknownLength,
    /// The body is the first half, and announced as if it were whole: HTTP cannot tell.
    ShortBody,
    /// The body comes in small pieces with a pause before each.
    SlowDrip {
        /// Size of a piece, bytes.
        piece_bytes: usize,
        /// How long each takes.
        pause: Duration,
    },
    /// The body is valid, but padded to at least so many bytes.
    OversizedBody {
        /// Least size, bytes.
        bytes: usize,
    },
    /// The page is empty, though the total says otherwise.
    EmptyPage,
    /// The page holds the first half of its records, as if the others had not been found.
    ShortPage,
    /// Page numbers and tokens go round in a circle of so many pages: 1 repeats the first page for ever.
    PageCycle {
        /// Pages in the circle.
        length: usize,
    },
    /// The answer comes late.
    Delay(Duration),
    /// This is done before the request is answered, to a [`super::feed::FixedFeed`] for example.
    Before(Arc<dyn Fn() + Send + Sync>),
}

impl Effect {
    /// A page of HTML with status 200, as a proxy in between might send.
    pub fn html() -> Self {
        Self::Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: b"<html><head><title>Just a moment</title></head><body>Just a moment</body></html>".to_vec(),
        }
    }

    /// An error in KonPro's sibling's form, with status 200.
    pub fn error_object() -> Self {
        Self::json(200, r#"{"code":400112,"message":"Unauthorized","data":null}"#)
    }

    /// 403 with XML, as an object store refuses a link.
    pub fn forbidden_xml() -> Self {
        Self::Answer {
            status: 403,
            headers: vec![("content-type".to_owned(), "application/xml".to_owned())],
            body: b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code></Error>".to_vec(),
        }
    }

    /// Status 200 and not a byte.
    pub fn zero_bytes() -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: Vec::new() }
    }

    /// 302 to this address.
    pub fn redirect(to: &str) -> Self {
        Self::Answer { status: 302, headers: vec![("location".to_owned(), to.to_owned())], body: Vec::new() }
    }

    /// This JSON with this status.
    pub fn json(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    /// Runs `action` before the request is answered.
    pub fn before(action: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Before(Arc::new(action))
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, .. } => write!(f, "Answer({status})"),
            Self::RateLimited(retry_after) => write!(f, "RateLimited({retry_after:?})"),
            Self::MissingListKey => f.write_str("MissingListKey"),
            Self::CutBody => f.write_str("CutBody"),
            Self::CutBodyOfUnknownLength => f.write_str("CutBodyOfUnknownLength"),
            Self::ShortBody => f.write_str("ShortBody"),
            Self::SlowDrip { piece_bytes, pause } => write!(f, "SlowDrip({piece_bytes}, {pause:?})"),
            Self::OversizedBody { bytes } => write!(f, "OversizedBody({bytes})"),
            Self::EmptyPage => f.write_str("EmptyPage"),
            Self::ShortPage => f.write_str("ShortPage"),
            Self::PageCycle { length } => write!(f, "PageCycle({length})"),
            Self::Delay(delay) => write!(f, "Delay({delay:?})"),
            Self::Before(_) => f.write_str("Before"),
        }
    }
}

/// One accident and when it happens. Made to happen once, to the next request; the other methods change
/// that.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    from_request: u64,
    left: u64,
    only: Option<String>,
}

impl Fault {
    /// `effect`, once.
    pub fn new(effect: Effect) -> Self {
        Self { effect, from_request: 1, left: 1, only: None }
    }

    /// Not before the `k`-th request since the script was set, counted from 1.
    #[must_use]
    pub fn from_request(mut self, k: u64) -> Self {
        self.from_request = k;
        self
    }

    /// Only to requests whose path holds `part`, `/transcript` for example. Others are counted too.
    #[must_use]
    pub fn only(mut self, part: &str) -> Self {
        self.only = Some(part.to_owned());
        self
    }

    /// To so many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.left = times;
        self
    }

    /// To every request.
    #[must_use]
    pub fn forever(self) -> Self {
        self.times(u64::MAX)
    }
}

/// What is still to happen, and how far the requests have come.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Fault>,
    requests: u64,
}

impl Script {
    /// A script to begin with the next request.
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self { faults, requests: 0 }
    }

    /// Appends a fault.
    pub(super) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Counts a request of `path` and says what happens to it.
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
