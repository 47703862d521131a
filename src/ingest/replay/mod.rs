//! Rebuilding of rows from stored raw records, without calls to providers.
//!
//! Raw records are authoritative; rows are derived from them by the current code. [`from_raw`] rebuilds all rows of
//! a source: after a better mapping, or after rows were lost. [`reject()`] retries one record that could not be
//! read. Both run beside polls, in transactions that each leave whole sessions. They give the same result however
//! often they are interrupted and restarted, since rows that are already stored are not written.
//!
//! Connectors are passed in as values; none is named here.

mod artifacts;
mod reject;
mod report;
mod sessions;

use crate::ingest::poller::{Poller, Source};
use crate::store::StoreError;

pub use self::reject::{all_rejects, reject};
pub use self::report::{StreamReplay, Watcher};

/// Rebuilds all normalized rows of a source from its raw records.
pub async fn from_raw(
    poller: &Poller,
    source: &Source,
    watcher: &dyn Watcher,
) -> Result<Vec<StreamReplay>, StoreError> {
    let mut streams = vec![sessions::replay(poller, source, watcher).await?];
    streams.extend(artifacts::replay(poller, source, watcher).await?);
    Ok(streams)
}
