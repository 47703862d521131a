//! The kept answers, by question and by request. Their number is bounded by the bytes that they take.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use moka::future::Cache;

use crate::api::etag::EntityTag;
use crate::api::memory::kept::Kept;
use crate::api::memory::version::Version;
use crate::api::problem::ApiError;
use crate::model::source_access::SourceAccess;

/// An answer that no one asked for during this time is dropped.
const IDLE: Duration = Duration::from_mins(10);
/// Part of the memory that the requests may take: they are short, and refer to the answers.
const REQUEST_SHARE: u64 = 8;

/// Kept answers; shared by all clones.
#[derive(Debug, Clone)]
pub struct Memory(pub(super) Option<Arc<Inner>>);

#[derive(Debug)]
pub(super) struct Inner {
    /// Of the primary, and of the replica: an answer is kept under the version of the database that it was read from.
    pub(super) versions: [Version; 2],
    pub(super) requests: Cache<RequestKey, Recalled>,
    answers: Cache<String, Arc<Kept>>,
}

/// A request: the same one gets the same answer while nothing changes.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestKey {
    /// Version of the data.
    pub(super) version: Arc<str>,
    /// Commands that the replica held when it was chosen: a version that was asked for before one of them does not
    /// count after it. `None`: it was read from the primary.
    pub(super) commands: Option<u64>,
    /// What the caller may see.
    pub(super) view: View,
    /// Path and query.
    pub(super) asked: String,
    /// The accepted forms.
    pub(super) accept: String,
}

/// All of a caller that a kept answer depends on; an extension of the request, which the guard adds. The same question
/// of two callers who may see different things has two answers, so a request without it gets none from memory. All
/// other scopes are no part of it: they decide whether a route answers, and not what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct View {
    /// The visible sources.
    pub(crate) sources: SourceAccess,
    /// Whether it may read content: an answer can show titles to such callers.
    pub(crate) reads_content: bool,
}

impl View {
    /// Returns the bytes of its names.
    fn size(&self) -> usize {
        self.sources.limit().unwrap_or_default().iter().map(String::len).sum()
    }
}

/// A kept answer, and until when it counts.
#[derive(Debug, Clone)]
pub(super) struct Recalled {
    pub(super) kept: Arc<Kept>,
    pub(super) until: DateTime<Utc>,
}

impl Memory {
    /// Keeps nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// Keeps answers up to so many bytes; the version of the data is asked for again after `max_age`.
    pub fn new(max_bytes: u64, max_age: Duration) -> Self {
        if max_bytes == 0 {
            return Self::off();
        }
        let answers = Cache::builder()
            .max_capacity(max_bytes - max_bytes / REQUEST_SHARE)
            .weigher(|tag: &String, kept: &Arc<Kept>| kept.size().saturating_add(u32::try_from(tag.len()).unwrap_or(0)))
            .time_to_idle(IDLE)
            .build();
        let requests = Cache::builder()
            .max_capacity(max_bytes / REQUEST_SHARE)
            .weigher(|key: &RequestKey, _: &Recalled| {
                u32::try_from(key.asked.len() + key.accept.len() + key.view.size() + 256).unwrap_or(u32::MAX)
            })
            .time_to_live(Duration::from_mins(1))
            .build();
        Self(Some(Arc::new(Inner { versions: [Version::new(max_age), Version::new(max_age)], requests, answers })))
    }

    /// Notes that the data may have changed: the version is asked for before the next answer.
    pub fn doubt(&self) {
        if let Some(inner) = &self.0 {
            inner.versions.iter().for_each(Version::doubt);
        }
    }

    /// Returns the answer with this tag: the kept one, or that of `compute`. Of requests that need the same answer at
    /// once, one computes it; if its caller departs, another takes over.
    pub(crate) async fn answer(
        &self,
        tag: &EntityTag,
        asked: &HeaderMap,
        compute: impl Future<Output = Result<Response, ApiError>> + Send,
    ) -> Result<Response, ApiError> {
        let Some(inner) = &self.0 else { return compute.await };
        let compute = Box::pin(async { Kept::of(compute.await?).await });
        let kept = Box::pin(inner.answers.try_get_with(tag.key(), compute)).await;
        let kept = kept.map_err(|error| Arc::try_unwrap(error).unwrap_or_else(ApiError::Shared))?;
        let mut response = tag.mark(kept.respond(asked));
        response.extensions_mut().insert(kept);
        Ok(response)
    }
}
