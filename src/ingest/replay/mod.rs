//! Making rows from what was fetched before, without asking any provider.
//!
//! Raw records are the truth, rows are what today's code makes of them. [`from_raw`] makes all rows of a source anew:
//! after a better mapping, or after rows were lost. [`reject()`] tries one record again that could not be read. Both work
//! beside polls, in transactions that each leave whole sessions, and end the same however often they are cut off and
//! begun again: what is stored already is not written.
//!
//! Receives connectors as values; none is named here.

mod artifacts;
mod reject;
mod sessions;

use serde::Serialize;

pub use self::reject::{all_rejects, reject};

use crate::ingest::{Poller, Source};
use crate::model::stream::Stream;
use crate::store::StoreError;

/// What replaying one stream of a source did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReplay {
    /// Slug of the source.
    pub source: String,
    /// Stream.
    pub stream: &'static str,
    /// Records that are kept, whatever the number of their versions; in per-session streams, sessions with records.
    pub records: u64,
    /// Sessions made anew; in per-session streams, those for which rows were written.
    pub written: u64,
    /// Sessions whose rows were as they should be.
    pub unchanged: u64,
    /// Records that today's code or the database does not take; their rows stay as they were.
    pub refused: u64,
    /// Sessions removed, because no raw record supports them.
    pub removed: u64,
    /// What kept it from its end, or from removing.
    pub detail: Option<String>,
}

impl StreamReplay {
    fn new(source: &Source, stream: Stream) -> Self {
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

/// Who is told how far a replay is: what is replayed of which source, how many are done, of how many.
pub trait Watcher: Send + Sync {
    /// So many of `total` are done.
    fn at(&self, source: &str, what: &str, done: u64, total: u64);
}

/// Makes all normalized rows of a source from its raw records.
pub async fn from_raw(
    poller: &Poller,
    source: &Source,
    watcher: &dyn Watcher,
) -> Result<Vec<StreamReplay>, StoreError> {
    let mut streams = vec![sessions::replay(poller, source, watcher).await?];
    streams.extend(artifacts::replay(poller, source, watcher).await?);
    Ok(streams)
}

/// Why a replay did not come to its end.
const STOPPED: &str = "it was stopped; what it had made stays, and the same command goes on";
