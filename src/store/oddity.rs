//! What nobody expected, counted over records with distinct content.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::page::Oddity;
use crate::store::{Place, StoreError};

pub(super) async fn count(
    tx: &mut PgConnection,
    place: Place,
    oddities: impl IntoIterator<Item = &Oddity>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut counts: BTreeMap<&Oddity, i64> = BTreeMap::new();
    for oddity in oddities {
        *counts.entry(oddity).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(());
    }
    let kinds: Vec<&str> = counts.keys().map(|oddity| oddity.kind).collect();
    let paths: Vec<&str> = counts.keys().map(|oddity| oddity.path.as_str()).collect();
    let values: Vec<&str> = counts.keys().map(|oddity| oddity.value.as_str()).collect();
    let numbers: Vec<i64> = counts.values().copied().collect();
    sqlx::query!(
        "insert into ingest.oddities as o (source_id, stream, kind, path, value, record_count, first_seen_at)
         select $1, $2, x.kind, x.path, x.value, x.record_count, $7
           from unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) x(kind, path, value, record_count)
         on conflict (source_id, stream, kind, path, value) do update
            set record_count = o.record_count + excluded.record_count",
        place.source_id.0,
        place.stream.as_str(),
        &kinds as &[&str],
        &paths as &[&str],
        &values as &[&str],
        &numbers,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting oddities"))?;
    Ok(())
}
