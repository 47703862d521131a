//! The journal of runs, newest first.
//!
//! One line per run, as the pollers wrote it. [`crate::query::pollers`] derives the health of polling from these and
//! other facts.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::ReadError;
use crate::query::list::{newest, push_any};

/// One run of one stream.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Run {
    /// Number of the run; increases.
    pub run_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record polled.
    pub stream: String,
    /// `poll`, or a read in addition to the polls: `backfill` or `reconcile` of the past, `hint` of sessions that a
    /// webhook named.
    pub purpose: String,
    /// Time at which it began.
    pub started_at: DateTime<Utc>,
    /// Time at which it last sent a heartbeat.
    pub heartbeat_at: DateTime<Utc>,
    /// Time at which it ended; null: it has not ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// `complete`, `incomplete`, `failed`, `rate_limited` or `cancelled`; null: it has not ended.
    pub verdict: Option<String>,
    /// Reason why it is not complete.
    pub reason: Option<String>,
    /// Beginning of the range it read.
    pub window_from: Option<DateTime<Utc>>,
    /// End of the range it read.
    pub window_to: Option<DateTime<Utc>>,
    /// Pages read.
    pub page_count: i32,
    /// Records the provider sent, repeats included.
    pub record_count: i64,
    /// Distinct records among them.
    pub distinct_count: i64,
    /// Sessions that were new.
    pub inserted_count: i64,
    /// Sessions that had changed.
    pub updated_count: i64,
    /// Sessions that had not changed.
    pub unchanged_count: i64,
    /// Records that could not be normalized.
    pub rejected_count: i64,
    /// Share of rejected records among the records sent, 0 to 1; null: none was sent.
    pub rejected_share: Option<f64>,
    /// The provider's own count; null: it gave none.
    pub provider_total: Option<i64>,
    /// Completeness of the stream when the run ended.
    pub complete_through: Option<DateTime<Utc>>,
    /// Class of the error that ended it.
    pub error_class: Option<String>,
    /// Description of the error.
    pub error_detail: Option<String>,
}

/// Verdicts of a run.
pub const VERDICTS: [&str; 5] = ["complete", "incomplete", "failed", "rate_limited", "cancelled"];

/// Filter of runs. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these streams.
    pub streams: Vec<String>,
    /// Any of these verdicts.
    pub verdicts: Vec<String>,
    /// Only runs with a lower number.
    pub before_run_id: Option<i64>,
}

/// Returns the newest `limit` runs that pass the filter.
pub async fn list(pool: &PgPool, filter: &RunFilter, limit: i64) -> Result<Vec<Run>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select r.run_id, src.source_slug as source, src.provider, r.stream, r.purpose,
                r.started_at::timestamptz as started_at, r.heartbeat_at::timestamptz as heartbeat_at,
                r.finished_at::timestamptz as finished_at, r.verdict, r.reason,
                r.window_from::timestamptz as window_from, r.window_to::timestamptz as window_to,
                r.page_count, r.record_count, r.distinct_count, r.inserted_count, r.updated_count,
                r.unchanged_count, r.rejected_count,
                round(r.rejected_count::numeric / nullif(r.record_count, 0), 6)::float8 as rejected_share, r.provider_total,
                r.complete_through::timestamptz as complete_through, r.error_class, r.error_detail
           from ingest.runs r
           join core.sources src using (source_id)
          where true",
    );
    push_any(
        &mut sql,
        [("src.source_slug", &filter.sources), ("r.stream", &filter.streams), ("r.verdict", &filter.verdicts)],
    );
    newest(pool, sql, "r.run_id", filter.before_run_id, limit, "the runs").await
}
