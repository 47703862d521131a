//! Backfills: past ranges that are read again, unit by unit, and their progress.
//!
//! All counts are added up from the units at the time of the request; the counts of a unit that is being read come
//! from its run. Reconciliations are planned in the same way, but [`crate::query::reconciliations`] lists them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::list::{newest, push_any};
use crate::query::{ReadError, reading};

/// A past range that is read again.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Backfill {
    /// Number of the backfill.
    pub backfill_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record.
    pub stream: String,
    /// `running`, `paused`, `done` (every unit is proven), `failed` (some units are not) or `cancelled`.
    pub state: String,
    /// Reason for the failure.
    pub reason: Option<String>,
    /// First instant of the range, by creation of sessions.
    pub range_from: DateTime<Utc>,
    /// First instant after it.
    pub range_to: DateTime<Utc>,
    /// Requester: address of the caller, or user and host of the command line.
    pub requested_by: String,
    /// Time at which it was requested.
    pub created_at: DateTime<Utc>,
    /// Time at which it ended; null: it has not ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Units in all. Grows when units with too many records are split.
    pub unit_count: i64,
    /// Units that are proven complete.
    pub proven_count: i64,
    /// Units that were read but not proven; each has a reason.
    pub doubtful_count: i64,
    /// Units that could not be read.
    pub failed_count: i64,
    /// Units that are being read now.
    pub active_count: i64,
    /// Records the provider sent, repeats included.
    pub record_count: i64,
    /// Sessions that were new.
    pub inserted_count: i64,
    /// Sessions that had changed.
    pub updated_count: i64,
    /// Sessions that had not changed.
    pub unchanged_count: i64,
    /// Records that could not be normalized.
    pub rejected_count: i64,
    /// No unit is tried before this instant, because the provider requested a wait; null: no unit waits.
    pub waits_until: Option<DateTime<Utc>>,
    /// Estimated seconds left, from the share of the range done since the backfill was last started or resumed; null:
    /// it is not running, or nothing has been done yet.
    pub eta_seconds: Option<i64>,
}

/// A window of a backfill.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct BackfillUnit {
    /// Number of the unit.
    pub unit_id: i64,
    /// First instant of its window.
    pub window_from: DateTime<Utc>,
    /// First instant after it.
    pub window_to: DateTime<Utc>,
    /// `open`, `proven`, `doubtful` or `failed`.
    pub state: String,
    /// The process that reads it now.
    pub owner: Option<String>,
    /// Tries so far.
    pub attempts: i32,
    /// Records the provider sent.
    pub record_count: i64,
    /// Sessions that were new.
    pub inserted_count: i64,
    /// The provider's own count; null: it gave none.
    pub provider_total: Option<i64>,
    /// Distinct records read.
    pub distinct_count: Option<i64>,
    /// Reason why it is not proven.
    pub doubt: Option<String>,
}

/// States of a backfill.
pub const STATES: [&str; 5] = ["running", "paused", "done", "failed", "cancelled"];

/// Filter of backfills. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct BackfillFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these states.
    pub states: Vec<String>,
    /// Only this backfill.
    pub backfill_id: Option<i64>,
    /// Only backfills with a lower number.
    pub before_backfill_id: Option<i64>,
}

/// Returns the newest `limit` backfills that pass the filter, as they stand at `now`.
pub async fn list(
    pool: &PgPool,
    filter: &BackfillFilter,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Backfill>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select b.backfill_id, src.source_slug as source, src.provider, b.stream, b.state, b.reason,
                b.range_from::timestamptz as range_from, b.range_to::timestamptz as range_to, b.requested_by,
                b.created_at::timestamptz as created_at, b.finished_at::timestamptz as finished_at,
                u.unit_count, u.proven_count, u.doubtful_count, u.failed_count, u.active_count, u.record_count,
                u.inserted_count, u.updated_count, u.unchanged_count, u.rejected_count,
                case when b.state = 'running' and u.active_count = 0 then u.waits_until end as waits_until,
                case when b.state = 'running' and u.ended_seconds > 0
                     then (extract(epoch from ",
    );
    sql.push_bind(now);
    sql.push(
        "::timestamptz - b.resumed_at) * u.open_seconds / u.ended_seconds)::bigint end as eta_seconds
           from ingest.backfills b
           join core.sources src using (source_id)
          cross join lateral (
                select count(*) as unit_count,
                       count(*) filter (where u.state = 'proven') as proven_count,
                       count(*) filter (where u.state = 'doubtful') as doubtful_count,
                       count(*) filter (where u.state = 'failed') as failed_count,
                       count(*) filter (where u.claimed_until > now()) as active_count,
                       coalesce(sum(u.record_count + coalesce(r.record_count, 0)), 0)::bigint as record_count,
                       coalesce(sum(u.inserted_count + coalesce(r.inserted_count, 0)), 0)::bigint as inserted_count,
                       coalesce(sum(u.updated_count + coalesce(r.updated_count, 0)), 0)::bigint as updated_count,
                       coalesce(sum(u.unchanged_count + coalesce(r.unchanged_count, 0)), 0)::bigint as unchanged_count,
                       coalesce(sum(u.rejected_count + coalesce(r.rejected_count, 0)), 0)::bigint as rejected_count,
                       sum(extract(epoch from u.window_to - u.window_from))
                           filter (where u.state = 'open') as open_seconds,
                       sum(extract(epoch from u.window_to - u.window_from))
                           filter (where u.state <> 'open' and u.finished_at >= b.resumed_at) as ended_seconds,
                       min(u.not_before) filter (where u.state = 'open' and u.not_before > now()) as waits_until
                  from ingest.backfill_units u
                  left join ingest.runs r on r.run_id = u.run_id
                 where u.backfill_id = b.backfill_id) u
          where b.purpose = 'backfill'",
    );
    push_any(&mut sql, [("src.source_slug", &filter.sources), ("b.state", &filter.states)]);
    if let Some(backfill_id) = filter.backfill_id {
        sql.push(" and b.backfill_id = ").push_bind(backfill_id);
    }
    newest(pool, sql, "b.backfill_id", filter.before_backfill_id, limit, "the backfills").await
}

/// Returns the backfill with that number.
pub async fn find(pool: &PgPool, backfill_id: i64, now: DateTime<Utc>) -> Result<Option<Backfill>, ReadError> {
    let filter = BackfillFilter { backfill_id: Some(backfill_id), ..BackfillFilter::default() };
    Ok(list(pool, &filter, now, 1).await?.pop())
}

/// Returns units of a backfill in the order of their windows, after the one that begins at `after`; with
/// `only_troubled`, only those that are doubtful or failed.
pub async fn units(
    pool: &PgPool,
    backfill_id: i64,
    only_troubled: bool,
    after: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<BackfillUnit>, ReadError> {
    sqlx::query_as!(
        BackfillUnit,
        r#"select unit_id, window_from::timestamptz as "window_from!", window_to::timestamptz as "window_to!", state,
                  case when claimed_until > now() then claim_owner end as owner, attempts, record_count, inserted_count,
                  provider_total, distinct_count, doubt
             from ingest.backfill_units
            where backfill_id = $1 and (not $2 or state in ('doubtful', 'failed'))
              and ($3::timestamptz is null or window_from > $3)
            order by window_from limit $4"#,
        backfill_id,
        only_troubled,
        after,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the units of a backfill"))
}
