//! Rings: parts of the past that are read again at different intervals, and their progress.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::model::ring::Ring;
use crate::model::stream::Stream;
use crate::query::{ReadError, reading};

/// A part of the past that is read again, and when this was last done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RingState {
    /// `poll` (recently created sessions), `hourly` (the last month), `daily` (open sessions of any age) or `weekly`
    /// (everything).
    #[schema(example = "hourly")]
    pub ring: &'static str,
    /// Interval between two reads, seconds; null: read by every poll.
    #[schema(example = 3600)]
    pub period_seconds: Option<i64>,
    /// The oldest creation time that it covers; null: no session is open.
    pub covers_from: Option<DateTime<Utc>>,
    /// Time at which it was last read completely; null: never.
    pub last_finished_at: Option<DateTime<Utc>>,
    /// Time at which the current read began; null: it is not due.
    pub started_at: Option<DateTime<Utc>>,
}

/// Returns the rings of all sources whose lists are filtered by creation, by source id, at `now`.
pub async fn list(pool: &PgPool, now: DateTime<Utc>) -> Result<BTreeMap<i32, Vec<RingState>>, ReadError> {
    let names = Ring::ALL.map(|ring| ring.as_str().to_owned());
    let rows = sqlx::query!(
        r#"select src.source_id, src.history_from as "history_from: DateTime<Utc>", names.ring as "ring!",
                  r.finished_at as "finished_at?: DateTime<Utc>", r.pass_started_at as "started_at?: DateTime<Utc>",
                  (select min(s.created_at::timestamptz) from core.sessions s
                    where s.source_id = src.source_id and s.session_state in ('live', 'open', 'unknown')
                      and not s.is_deleted_at_provider) as oldest_open
             from core.sources src
            cross join unnest($2::text[]) with ordinality names(ring, number)
             left join ingest.rings r on r.source_id = src.source_id and r.stream = $1 and r.ring = names.ring
            where not exists (select from ingest.source_facts f
                               where f.source_id = src.source_id and f.name = 'filter_meaning' and f.value = 'updated')
            order by names.number"#,
        Stream::Sessions.as_str(),
        &names,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the rings"))?;
    let mut sources: BTreeMap<i32, Vec<RingState>> = BTreeMap::new();
    for row in rows {
        let Some(ring) = Ring::parse(&row.ring) else { continue };
        let covers_from = match (ring, ring.reach()) {
            (_, Some(reach)) => Some((now - reach).max(row.history_from)),
            (Ring::Daily, None) => row.oldest_open,
            (_, None) => Some(row.history_from),
        };
        sources.entry(row.source_id).or_default().push(RingState {
            ring: ring.as_str(),
            period_seconds: ring.period().map(|period| period.num_seconds()),
            covers_from,
            last_finished_at: row.finished_at,
            started_at: row.started_at,
        });
    }
    Ok(sources)
}
