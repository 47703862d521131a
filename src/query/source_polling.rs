//! How each source is polled: its calls per minute, the lateness of its records, which decides how far its polls reach
//! back, and the rings, which are parts of the past that are read again at different intervals.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::model::ring::Ring;
use crate::model::stream::Stream;
use crate::query::{ReadError, reading};

/// Calls per minute of a source's account. Sources of one account share it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallRate {
    /// Calls per minute in force now.
    pub requests_per_minute: f64,
    /// Origin of the rate. `configured`: `requests_per_minute` of the source is the ceiling; `provider`: the
    /// strictest policy that the provider states, times `quota_share`; `default`: the provider states none.
    pub decided_by: String,
    /// Calls per minute left by the provider's strictest stated policy; null: it states none.
    pub stated_per_minute: Option<f64>,
}

/// Returns the call rates by source id, at `now`.
pub async fn call_rates(pool: &PgPool, now: DateTime<Utc>) -> Result<BTreeMap<i32, CallRate>, ReadError> {
    let rows = sqlx::query!(
        r#"select s.source_id, b.requests_per_minute, b.is_set_by_hand,
                  coalesce(b.lifted_until > $1, false) as "is_lifted!",
                  (select min(greatest(q.quota * b.share_permille / 1000, 1) * 60.0 / q.window_seconds)::float8
                     from ingest.call_quotas q where q.budget_key = b.budget_key) as stated_per_minute
             from core.sources s
             join ingest.call_budgets b on b.budget_key = s.budget_key"#,
        now,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the call rates of the sources"))?;
    let rates = rows.into_iter().map(|row| {
        let own = f64::from(row.requests_per_minute);
        let stated = row.stated_per_minute;
        let (requests_per_minute, decided_by) = match stated {
            Some(stated) if row.is_lifted || stated < own => (stated, "provider"),
            _ if row.is_set_by_hand => (own, "configured"),
            _ => (own, "default"),
        };
        let rate = CallRate { requests_per_minute, decided_by: decided_by.to_owned(), stated_per_minute: stated };
        (row.source_id, rate)
    });
    Ok(rates.collect())
}

/// Lateness of a source's records in the last 14 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lateness {
    /// Overlap of each poll with the proven range, seconds; null: never polled.
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
pub async fn lateness(pool: &PgPool, today: NaiveDate) -> Result<BTreeMap<i32, Lateness>, ReadError> {
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

/// A part of the past that is read again, and when this was last done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RingState {
    /// `poll` (recently created sessions), `hourly` (the last month), `daily` (open sessions of any age) or `weekly`
    /// (everything).
    pub ring: &'static str,
    /// Interval between two reads, seconds; null: read by every poll.
    pub period_seconds: Option<i64>,
    /// The oldest creation time that it covers; null: no session is open.
    pub covers_from: Option<DateTime<Utc>>,
    /// Time at which it was last read completely; null: never.
    pub last_finished_at: Option<DateTime<Utc>>,
    /// Time at which the current read began; null: it is not due.
    pub started_at: Option<DateTime<Utc>>,
}

/// Returns the rings of all sources whose lists are filtered by creation, by source id, at `now`.
pub async fn rings(pool: &PgPool, now: DateTime<Utc>) -> Result<BTreeMap<i32, Vec<RingState>>, ReadError> {
    let names = Ring::ALL.map(|ring| ring.as_str().to_owned());
    let rows = sqlx::query!(
        r#"select src.source_id, src.history_from as "history_from: DateTime<Utc>", names.ring as "ring!",
                  r.finished_at as "finished_at?: DateTime<Utc>", r.pass_started_at as "started_at?: DateTime<Utc>",
                  unsettled.oldest as "oldest_open?: DateTime<Utc>"
             from core.sources src
            cross join unnest($2::text[]) with ordinality names(ring, number)
             left join ingest.rings r on r.source_id = src.source_id and r.stream = $1 and r.ring = names.ring
             left join (select s.source_id, min(s.created_at::timestamptz) as oldest from core.sessions s
                         where s.session_state in ('live', 'open', 'unknown') and not s.is_deleted_at_provider
                         group by s.source_id) unsettled on unsettled.source_id = src.source_id
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
