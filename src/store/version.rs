//! Data version of a stream: increments with every write; shows that a cached answer is outdated.
//!
//! It is incremented last in the writing transaction. The row is then locked only until the commit, and a reader of
//! the higher number sees all data that it stands for.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::{Place, StoreError};

/// Increments the version of a stream.
pub(super) async fn raise(tx: &mut PgConnection, place: Place) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into ingest.data_versions as v (source_id, stream, version) values ($1, $2, 1)
         on conflict (source_id, stream) do update set version = v.version + 1",
        place.source_id.0,
        place.stream.as_str(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("incrementing a data version"))?;
    Ok(())
}

/// Increments the version of each stream of a source, always in the same order.
pub(super) async fn raise_each(
    tx: &mut PgConnection,
    source_id: SourceId,
    streams: &BTreeSet<Stream>,
) -> Result<(), StoreError> {
    if streams.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = streams.iter().map(|stream| stream.as_str()).collect();
    sqlx::query!(
        "insert into ingest.data_versions as v (source_id, stream, version)
         select $1, w.stream, 1 from unnest($2::text[]) w(stream)
         on conflict (source_id, stream) do update set version = v.version + 1",
        source_id.0,
        &names as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("incrementing a data version"))?;
    Ok(())
}
