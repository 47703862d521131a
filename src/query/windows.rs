//! Windows: ranges of time that are proven complete, and those that are known to be incomplete.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::{ReadError, reading};

/// The proof of a range; accepted: not proven, and accepted by an operator.
pub const STATES: [&str; 3] = ["proven", "doubtful", "accepted"];

/// A range of time of one stream, and its completeness. Times that no range covers were never read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoveredWindow {
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record.
    pub stream: String,
    /// First instant inside.
    pub window_from: DateTime<Utc>,
    /// First instant after it.
    pub window_to: DateTime<Utc>,
    /// True: all records that the provider has for it are stored. False: it was read, but this is not proven.
    pub is_proven: bool,
    /// Time at which an operator accepted that it is not proven; null: not accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// The operator: address of the caller, or user of the command line.
    pub accepted_by: Option<String>,
    /// The operator's reason to accept it.
    pub accepted_note: Option<String>,
    /// Reason why it is not proven.
    pub reason: Option<String>,
    /// The provider's own count at the last read; it covers the range that was read then, not always this range.
    pub provider_total: Option<i64>,
    /// Distinct records of the last read.
    pub distinct_count: Option<i64>,
    /// Time at which it was last read.
    pub checked_at: DateTime<Utc>,
}

/// Filter of windows. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct WindowFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these streams.
    pub streams: Vec<String>,
    /// Any of these: `proven`, `doubtful`, `accepted`.
    pub states: Vec<String>,
    /// Only windows after this one.
    pub after: Option<WindowPosition>,
}

/// Sort key of a window in the list: source, stream, beginning, whether it is proven.
pub type WindowPosition = (String, String, DateTime<Utc>, bool);

/// Returns the first `limit` windows that pass the filter, by source, stream and time.
pub async fn list(pool: &PgPool, filter: &WindowFilter, limit: i64) -> Result<Vec<CoveredWindow>, ReadError> {
    let (source, stream, from, is_proven) = match &filter.after {
        Some((source, stream, from, is_proven)) => (Some(source), Some(stream), Some(*from), Some(*is_proven)),
        None => (None, None, None, None),
    };
    sqlx::query_as!(
        CoveredWindow,
        r#"select src.source_slug as source, src.provider, w.stream, w.window_from::timestamptz as "window_from!",
                  w.window_to::timestamptz as "window_to!", w.is_complete as is_proven,
                  gap.accepted_at::timestamptz as "accepted_at?", gap.accepted_by as "accepted_by?",
                  gap.note as "accepted_note?", w.reason, w.provider_total,
                  w.distinct_count, w.checked_at::timestamptz as "checked_at!"
             from ingest.windows w
             join core.sources src using (source_id)
             left join lateral (
                  select h.accepted_at, h.accepted_by, h.note
                    from ingest.accepted_gaps h
                   where h.source_id = w.source_id and h.stream = w.stream and h.reopened_at is null and not w.is_complete
                     and h.window_from <= w.window_from and h.window_to >= w.window_to
                   limit 1) gap on true
            where (cardinality($1::text[]) = 0 or src.source_slug = any($1))
              and (cardinality($2::text[]) = 0 or w.stream = any($2))
              and (cardinality($3::text[]) = 0
                   or case when w.is_complete then 'proven' when gap.accepted_at is not null then 'accepted'
                           else 'doubtful' end = any($3))
              and ($4::text is null or (src.source_slug, w.stream, w.window_from::timestamptz, w.is_complete) > ($4, $5, $6, $7))
            order by src.source_slug, w.stream, w.window_from, w.is_complete
            limit $8"#,
        &filter.sources,
        &filter.streams,
        &filter.states,
        source,
        stream,
        from,
        is_proven,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the windows"))
}
