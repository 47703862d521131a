//! Data versions of streams and change times of sessions: what the last statement of a writing transaction writes.
//!
//! A version increments with every write and shows that a cached answer is outdated. A change time tells analysts that
//! rows of a session differ from those they copied. Both are written last: rows that many transactions write are then
//! locked only until the commit, and a reader of the higher number sees all data that it stands for.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::{StoreError, StreamKey};

/// The sessions of which a transaction changed rows that analysts see.
#[derive(Debug, Default)]
pub(super) struct Changed<'a> {
    /// By number.
    pub(super) numbers: Vec<i64>,
    /// By the provider's id; their breakout rooms are included.
    pub(super) ids: Vec<&'a str>,
    /// All sessions of these people, whose first visit is another one now.
    pub(super) people: Vec<String>,
}

impl Changed<'_> {
    /// Nothing that analysts see.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// These sessions.
    pub(super) fn numbers(numbers: Vec<i64>) -> Self {
        Self { numbers, ..Self::default() }
    }
}

/// Increments the version of a stream, and dates the sessions that changed.
pub(super) async fn raise(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    changed: &Changed<'_>,
) -> Result<(), StoreError> {
    raise_each(tx, stream_key.source_id, &BTreeSet::from([stream_key.stream]), changed).await
}

/// Increments the version of each stream of a source, always in the same order, and dates the sessions that changed.
pub(super) async fn raise_each(
    tx: &mut PgConnection,
    source_id: SourceId,
    streams: &BTreeSet<Stream>,
    changed: &Changed<'_>,
) -> Result<(), StoreError> {
    if streams.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = streams.iter().map(|stream| stream.as_str()).collect();
    sqlx::query!(
        "select ingest.note_changes($1, $2, $3, $4, $5)",
        source_id.0,
        &names as &[&str],
        &changed.numbers,
        &changed.ids as &[&str],
        &changed.people,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("incrementing a data version"))?;
    Ok(())
}

/// Dates all sessions of a source: each of their rows shows something of the source that changed. In the order of other
/// writers.
pub(super) async fn date_all(tx: &mut PgConnection, source_id: i32) -> Result<(), StoreError> {
    sqlx::query!(
        "with held as (
             select session_id from core.session_change_times where source_id = $1 order by session_id for update)
         update core.session_change_times t set changed_at = statement_timestamp()
           from held
          where t.source_id = $1 and t.session_id = held.session_id",
        source_id,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("dating the sessions of a source"))?;
    Ok(())
}
