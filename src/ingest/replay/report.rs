//! The report of a replay: its result for each stream, and its progress.

use serde::Serialize;

use crate::ingest::poller::Source;
use crate::model::stream::Stream;

/// Message for a replay that was stopped.
pub(super) const STOPPED: &str = "the replay was stopped; the rows rebuilt so far stay, and the same command continues";

/// Result of replaying one stream of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReplay {
    /// Slug of the source.
    pub source: String,
    /// Stream.
    pub stream: &'static str,
    /// Stored records, regardless of the number of their versions; in per-session streams, sessions with records.
    pub records: u64,
    /// Sessions rebuilt; in per-session streams, those for which rows were written.
    pub written: u64,
    /// Sessions whose rows were already correct.
    pub unchanged: u64,
    /// Records that the current code or the database refuses; their rows stay as they were.
    pub refused: u64,
    /// Sessions removed, because no raw record supports them.
    pub removed: u64,
    /// The reason why it did not finish, or removed nothing.
    pub detail: Option<String>,
}

impl StreamReplay {
    pub(super) fn new(source: &Source, stream: Stream) -> Self {
        Self {
            source: source.slug.to_string(),
            stream: stream.as_str(),
            records: 0,
            written: 0,
            unchanged: 0,
            refused: 0,
            removed: 0,
            detail: None,
        }
    }

    /// Whether all records of the stream have their rows.
    pub fn is_complete(&self) -> bool {
        self.refused == 0 && self.detail.is_none()
    }
}

/// Receiver of a replay's progress: what is replayed of which source, and how many of how many are done.
pub trait Watcher: Send + Sync {
    /// Reports that `done` of `total` are done.
    fn at(&self, source: &str, what: &str, done: u64, total: u64);
}
