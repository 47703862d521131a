//! The state of a listener: a script of faults, and a log of requests.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use chrono::{DateTime, Utc};

use crate::faults::{Action, Effect, Fault, Script};

/// Most requests that are kept.
const KEPT_REQUESTS: usize = 20_000;

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// `GET`, or `POST` where something is started.
    pub method: String,
    /// Path and query, verbatim.
    pub path_and_query: String,
    /// Headers that tests check, names in lower case: credentials, `accept`, `content-type`, `idempotency-key`,
    /// `user-agent`, `referer`, `cookie`.
    pub headers: Vec<(String, String)>,
    /// The body of a `POST`; else empty.
    pub body: String,
    /// When it arrived, by the simulator's clock.
    pub at: DateTime<Utc>,
    /// The status of the answer.
    pub status: u16,
}

/// The state of one listener.
#[derive(Debug, Default)]
pub(super) struct ListenerState {
    script: Mutex<Script>,
    requests: Mutex<VecDeque<RequestRecord>>,
}

/// Locks a mutex, even if a thread panicked while it held the lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ListenerState {
    /// Returns the latest requests, oldest first.
    pub(super) fn requests(&self) -> Vec<RequestRecord> {
        lock(&self.requests).iter().cloned().collect()
    }

    /// Replaces the remaining faults.
    pub(super) fn script(&self, faults: Vec<Fault>) {
        *lock(&self.script) = Script::new(faults);
    }

    /// Adds a fault.
    pub(super) fn fault(&self, fault: Fault) {
        lock(&self.script).push(fault);
    }

    /// Counts a request and returns the effect on it.
    pub(super) fn next_effect(&self, path: &str) -> Option<Effect> {
        lock(&self.script).next_effect(path)
    }

    /// Applies the effects that come before the answer.
    pub(super) async fn before_answer(effect: Option<&Effect>) {
        match effect {
            Some(Effect::Delay(delay)) => tokio::time::sleep(*delay).await,
            Some(Effect::Before(Action(act))) => act(),
            _ => {}
        }
    }

    /// Records a request, with the headers for which `is_kept` returns `true`.
    pub(super) fn record(
        &self,
        (head, body): (&Parts, &[u8]),
        is_kept: impl Fn(&str) -> bool,
        (at, status): (DateTime<Utc>, u16),
    ) {
        let kept = head.headers.iter().filter(|(name, _)| is_kept(name.as_str()));
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let record = RequestRecord {
            method: head.method.to_string(),
            path_and_query: head.uri.to_string(),
            headers: kept.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            at,
            status,
        };
        let mut requests = lock(&self.requests);
        if requests.len() == KEPT_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(record);
    }
}
