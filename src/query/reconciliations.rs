//! Reconciliation results: stored sessions compared with the providers' own counts, with history.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::ReadError;
use crate::query::list::{newest, push_any};
use crate::query::number::Number;

/// One window of one source, compared once.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Reconciliation {
    /// Number of the comparison; increases.
    pub reconciliation_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record.
    pub stream: String,
    /// First instant of the window, by creation of sessions.
    pub window_from: DateTime<Utc>,
    /// First instant after it.
    pub window_to: DateTime<Utc>,
    /// Time at which it was compared.
    pub checked_at: DateTime<Utc>,
    /// `match`, `healed` (it differed in count or state and was corrected), `differs`, `unverifiable` (the provider
    /// gave no count) or `failed` (the provider could not be queried).
    pub state: String,
    /// Reason for the difference, in a sentence.
    pub reason: Option<String>,
    /// Sessions in the provider's count; null: it gave none.
    pub provider_sessions: Option<i64>,
    /// Sessions stored before the window was read again.
    pub stored_sessions_before: i64,
    /// Sessions stored now.
    pub stored_sessions: i64,
    /// Sessions found missing.
    pub missing_count: i64,
    /// Missing sessions that were fetched.
    pub healed_count: i64,
    /// Stored sessions that the provider does not list.
    pub surplus_count: i64,
    /// Stored sessions whose state had changed at the provider since they were last read; this comparison updated
    /// them.
    pub stale_state_count: i64,
    /// Listed records that could not be normalized.
    pub rejected_count: i64,
    /// The provider's ids of missing sessions that were fetched; at most a hundred.
    pub missing: Vec<String>,
    /// The provider's ids of stored sessions that it does not list; at most a hundred.
    pub surplus: Vec<String>,
    /// The provider's ids of sessions whose state had changed; at most a hundred.
    pub stale_state: Vec<String>,
    /// Minutes of that day in the provider's daily totals; null: it has none, or the window is no day.
    pub provider_minutes: Option<Number>,
    /// Minutes stored for the same day.
    pub stored_minutes: Option<Number>,
    /// `match`, `differs`, or `unverifiable`: the start of the provider's days cannot be determined. Null: not
    /// compared.
    pub minutes_state: Option<String>,
    /// Hours by which the provider's day appears to begin before midnight UTC.
    pub day_offset_hours: Option<i32>,
    /// Whether no later comparison of this window exists.
    pub is_latest: bool,
}

/// States of a comparison.
pub const STATES: [&str; 5] = ["match", "healed", "differs", "unverifiable", "failed"];

/// Filter of comparisons. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct ReconciliationFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these states.
    pub states: Vec<String>,
    /// Only the newest comparison of each window.
    pub only_latest: bool,
    /// Only comparisons made by this planned reconciliation.
    pub backfill_id: Option<i64>,
    /// Only comparisons with a lower number.
    pub before_reconciliation_id: Option<i64>,
}

/// Returns the newest `limit` comparisons that pass the filter.
pub async fn list(pool: &PgPool, filter: &ReconciliationFilter, limit: i64) -> Result<Vec<Reconciliation>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select * from (
           select r.reconciliation_id, src.source_slug as source, src.provider, r.stream,
                  r.window_from::timestamptz as window_from, r.window_to::timestamptz as window_to,
                  r.checked_at::timestamptz as checked_at, r.state, r.reason, r.provider_count as provider_sessions,
                  r.our_count_before as stored_sessions_before, r.our_count as stored_sessions, r.missing_count,
                  r.healed_count, r.surplus_count, r.stale_count as stale_state_count, r.rejected_count, r.missing_ids as missing,
                  r.surplus_ids as surplus, r.stale_ids as stale_state,
                  r.provider_minutes, r.our_minutes as stored_minutes, r.minutes_state, r.day_offset_hours, r.backfill_id,
                  not exists (select from ingest.reconciliations later
                               where later.source_id = r.source_id and later.stream = r.stream
                                 and later.window_from = r.window_from and later.window_to = r.window_to
                                 and later.reconciliation_id > r.reconciliation_id) as is_latest
             from ingest.reconciliations r
             join core.sources src using (source_id)) r
          where true",
    );
    push_any(&mut sql, [("source", &filter.sources), ("state", &filter.states)]);
    if filter.only_latest {
        sql.push(" and is_latest");
    }
    if let Some(backfill_id) = filter.backfill_id {
        sql.push(" and backfill_id = ").push_bind(backfill_id);
    }
    newest(pool, sql, "reconciliation_id", filter.before_reconciliation_id, limit, "the reconciliations").await
}
