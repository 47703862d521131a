//! Unexpected values, counted over records with distinct content.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::page::Oddity;
use crate::store::{Place, StoreError};

/// Most different oddities of one stream that are stored: a provider that uses data as keys must not fill the table.
const MAX_KINDS: i64 = 1_000;

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
        "insert into ingest.oddities as o (source_id, stream, kind, path, value, record_count, first_seen_at,
                                           last_seen_at)
         select $1, $2, x.kind, x.path, x.value, x.record_count, $7, $7
           from (select x.*, k.kind is not null as is_known,
                        row_number() over (partition by k.kind is null order by x.kind, x.path, x.value) as place
                   from unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) x(kind, path, value, record_count)
                   left join ingest.oddities k on k.source_id = $1 and k.stream = $2 and k.kind = x.kind
                                              and k.path = x.path and k.value = x.value) x
          where x.is_known
             or x.place <= $8 - (select count(*) from ingest.oddities k where k.source_id = $1 and k.stream = $2)
         on conflict (source_id, stream, kind, path, value) do update
            set record_count = o.record_count + excluded.record_count,
                last_seen_at = greatest(o.last_seen_at, excluded.last_seen_at)",
        place.source_id.0,
        place.stream.as_str(),
        &kinds as &[&str],
        &paths as &[&str],
        &values as &[&str],
        &numbers,
        now,
        MAX_KINDS,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting drift"))?;
    Ok(())
}
