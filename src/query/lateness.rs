//! Lateness of each source's records, and how far its polls reach back because of it.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::{ReadError, reading};

/// Lateness of a source's records in the last 14 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lateness {
    /// Overlap of each poll with the proven range, seconds; null: never polled.
    #[schema(example = 3600)]
    pub overlap_seconds: Option<i64>,
    /// The longest delay with which a session appeared in a range already proven complete, seconds; null: none did.
    /// Polls reach back at least this far.
    pub latest_arrival_seconds: Option<i64>,
    /// Sessions that appeared later than the overlap of any poll; found by reading old ranges again.
    pub found_later_count: i64,
    /// The longest time after its end at which a session still changed, seconds; null: none did.
    pub latest_change_seconds: Option<i64>,
}

/// Returns the lateness of each source, by source id.
pub async fn list(pool: &PgPool, today: chrono::NaiveDate) -> Result<BTreeMap<i32, Lateness>, ReadError> {
    let rows = sqlx::query!(
        r#"
        select src.source_id as "source_id!",
               (select f.value from ingest.source_facts f
                 where f.source_id = src.source_id and f.name = 'overlap_seconds') as overlap_seconds,
               max(l.largest_seconds) filter (where l.kind = 'appeared') as latest_arrival_seconds,
               coalesce(sum(l.record_count) filter (where l.kind = 'found_later'), 0)::bigint as "found_later_count!",
               max(l.largest_seconds) filter (where l.kind = 'changed') as latest_change_seconds
          from core.sources src
          left join ingest.lateness l on l.source_id = src.source_id and l.day > $1::date - 14
         group by src.source_id
        "#,
        today
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the lateness of records"))?;
    let lateness = rows.into_iter().map(|row| {
        let lateness = Lateness {
            overlap_seconds: row.overlap_seconds.and_then(|text| text.parse().ok()),
            latest_arrival_seconds: row.latest_arrival_seconds,
            found_later_count: row.found_later_count,
            latest_change_seconds: row.latest_change_seconds,
        };
        (row.source_id, lateness)
    });
    Ok(lateness.collect())
}
