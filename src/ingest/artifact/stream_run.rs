//! The run of one stream in a pass, as the journal and the tries know it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::ingest::poller::{Poller, Source};
use crate::model::stream::Stream;
use crate::model::time::to_micros;
use crate::store::artifact::{journal, missing_field};
use crate::store::field_presence::{FieldBook, MissingField};
use crate::store::{StoreError, StreamKey};

/// The run of one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamRun {
    /// Its number in the journal.
    pub(super) id: i64,
    /// Its beginning.
    began_at: DateTime<Utc>,
    /// The usual fields of the stream's records, and those that its records have.
    pub(super) fields: Arc<FieldBook>,
}

impl StreamRun {
    /// Opens a run.
    pub(super) async fn open(poller: &Poller, source: &Source, stream: Stream) -> Result<Self, StoreError> {
        let (pool, now) = (&poller.pool, poller.clock.now());
        let stream_key = StreamKey { source_id: source.id, stream };
        let fields = Arc::new(FieldBook::load(pool, stream_key, &source.dropped_fields).await?);
        let id = journal::start(pool, source.id, stream, now).await?;
        Ok(Self { id, began_at: to_micros(now), fields })
    }

    /// Stores which fields its records have, and returns the missing ones.
    pub(super) async fn settle_fields(
        &self,
        poller: &Poller,
        source: &Source,
        stream: Stream,
    ) -> Result<Vec<MissingField>, StoreError> {
        let stream_key = StreamKey { source_id: source.id, stream };
        missing_field::settle(&poller.pool, stream_key, &self.fields, self.began_at, poller.clock.now()).await
    }
}
