//! Sums from the database: one statement for each column of time.
//!
//! Rows come back by bucket and source, and by those dimensions of the question that belong to rows.
//! Provider, applicability and bases belong to the source and are never read per session. Every piece of
//! SQL is a constant; values are bound. What cannot be added is read in [`crate::query::metrics::sweep`].

use chrono::{DateTime, Utc};

use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::query::metrics::MetricQuery;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::predicate::push_filter;
use crate::query::metrics::registry::{Anchor, Metric, Needs};
use crate::query::metrics::source::{column, push_from, time};
use crate::query::metrics::statement::Statement;
use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// The three sums of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// The value, or a ratio's numerator.
    pub value: Decimal,
    /// Rows it rests on, or a ratio's denominator.
    pub known: Decimal,
    /// Rows that should have told it and did not.
    pub unknown: i64,
}

impl Sums {
    /// Adds another cell's sums.
    pub fn add(&mut self, other: Self) {
        self.value = self.value.saturating_add(other.value);
        self.known = self.known.saturating_add(other.known);
        self.unknown = self.unknown.saturating_add(other.unknown);
    }
}

/// One metric in one bucket of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Place of the bucket in the question.
    pub bucket: usize,
    /// The source.
    pub source_id: i32,
    /// The values of the question's dimensions that belong to rows, in their order.
    pub dimensions: Vec<Option<String>>,
    /// Place of the metric in the question.
    pub metric: usize,
    /// Its sums.
    pub sums: Sums,
}

/// Sessions that began in the range, of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The source.
    pub source_id: i32,
    /// How many.
    pub count: i64,
    /// Those of them that did not tell one of the metrics asked for.
    pub unknown: i64,
}

/// All that was read for a question.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    /// Sums.
    pub contributions: Vec<Contribution>,
    /// Sessions, for the coverage; a source may come several times.
    pub started: Vec<Started>,
}

/// Reads the sums of a question over these sources, at `now`.
pub async fn read(
    pool: &PgPool,
    query: &MetricQuery,
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Result<Scanned, ReadError> {
    let mut scanned = Scanned::default();
    for anchor in Anchor::ALL {
        let is_read_here = |metric: &Metric| is_summed_here(metric, anchor) || is_missed_here(metric, anchor);
        let metrics: Vec<usize> = (0..query.metrics.len()).filter(|at| is_read_here(query.metrics[*at])).collect();
        // coverage counts sessions by their start, whatever is asked
        if metrics.is_empty() && anchor != Anchor::StartedAt {
            continue;
        }
        let whole = [query.range];
        let buckets = if metrics.is_empty() { &whole[..] } else { &query.buckets };
        let rows = statement(query, anchor, &metrics, buckets, source_ids, now).fetch_all(pool).await;
        for row in rows.map_err(reading("figures"))? {
            take(&mut scanned, &row, query, anchor, &metrics).map_err(reading("figures"))?;
        }
    }
    Ok(scanned)
}

fn is_summed_here(metric: &Metric, anchor: Anchor) -> bool {
    metric.anchor == anchor && !metric.additivity.is_along_time()
}

fn is_missed_here(metric: &Metric, anchor: Anchor) -> bool {
    metric.is_unknown_by_start && anchor == Anchor::StartedAt
}

fn take(
    scanned: &mut Scanned,
    row: &PgRow,
    query: &MetricQuery,
    anchor: Anchor,
    metrics: &[usize],
) -> Result<(), sqlx::Error> {
    let source_id = row.try_get("source_id")?;
    if anchor == Anchor::StartedAt {
        scanned.started.push(Started { source_id, count: row.try_get("started")?, unknown: row.try_get("unknown")? });
    }
    let bucket = usize::try_from(row.try_get::<i64, _>("bucket")?).unwrap_or(1) - 1;
    let columns = query.row_dimensions().count();
    let values = (0..columns).map(|place| row.try_get(COLUMNS_BEFORE_DIMENSIONS + place));
    let dimensions = values.collect::<Result<Vec<Option<String>>, _>>()?;
    let first = COLUMNS_BEFORE_DIMENSIONS + columns + COVERAGE_COLUMNS;
    for (place, metric) in metrics.iter().enumerate() {
        let column = first + 3 * place;
        scanned.contributions.push(Contribution {
            bucket,
            source_id,
            dimensions: dimensions.clone(),
            metric: *metric,
            sums: Sums {
                value: row.try_get::<Option<Decimal>, _>(column)?.unwrap_or_default(),
                known: row.try_get::<Option<Decimal>, _>(column + 1)?.unwrap_or_default(),
                unknown: row.try_get(column + 2)?,
            },
        });
    }
    Ok(())
}

/// `bucket` and `source_id`.
const COLUMNS_BEFORE_DIMENSIONS: usize = 2;
/// `started` and `unknown`.
const COVERAGE_COLUMNS: usize = 2;

/// Of one table alone, each bucket is a range scan of its own. With others beside it the planner, who cannot know how
/// far a bucket reaches, would read these whole for each bucket: then the range is read once, and its rows are told
/// apart by where they lie in it.
fn statement(
    query: &MetricQuery,
    anchor: Anchor,
    metrics: &[usize],
    buckets: &[TimeRange],
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Statement {
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.from).collect();
    let ends: Vec<_> = buckets.iter().map(|bucket| bucket.to).collect();
    let range = buckets.first().zip(buckets.last()).map(|(first, last)| (first.from, last.to));
    let in_one = range.filter(|_| needs_other_tables(query, anchor, metrics));
    let mut sql = Statement::new("select ");
    if in_one.is_some() {
        sql.push("width_bucket(").push(time(anchor)).push(", ").push_bind(starts);
        sql.push("::timestamptz[])::bigint as bucket, s.source_id");
    } else {
        sql.push("b.bucket, a.* from unnest(").push_bind(starts).push("::timestamptz[], ").push_bind(ends);
        sql.push("::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)");
        sql.push(" cross join lateral (select s.source_id");
    }
    push_columns(&mut sql, query, anchor, metrics);
    push_from(&mut sql, query, anchor, metrics, now);
    sql.push(" where ").push(time(anchor)).push(" >= ");
    if let Some((from, to)) = in_one {
        sql.push_bind(from).push(" and ").push(time(anchor)).push(" < ").push_bind(to);
    } else {
        sql.push("b.bucket_start and ").push(time(anchor)).push(" < b.bucket_end");
    }
    push_filter(&mut sql, query);
    // sessions by their end are found source by source
    if !query.filter.sources.is_empty() || anchor == Anchor::EndedAt {
        sql.push(" and s.source_id = any(").push_bind(source_ids.to_vec()).push(")");
    }
    let keys = query.row_dimensions().count() + if in_one.is_some() { 2 } else { 1 };
    let places: Vec<String> = (1..=keys).map(|place| place.to_string()).collect();
    sql.push(" group by ").push(places.join(", ")).push(if in_one.is_some() { "" } else { ") a" });
    sql
}

/// Whether a question is answered by more than the sessions themselves.
fn needs_other_tables(query: &MetricQuery, anchor: Anchor, metrics: &[usize]) -> bool {
    // coverage looks at every metric
    let mut metrics =
        query.metrics.iter().enumerate().filter(|(at, _)| anchor == Anchor::StartedAt || metrics.contains(at));
    let is_own = |dimension| matches!(dimension, Dimension::Channel | Dimension::Outcome | Dimension::SessionKind);
    matches!(anchor, Anchor::SentAt | Anchor::JoinedAt)
        || metrics
            .any(|(_, metric)| metric.is_of_money() || matches!(metric.needs, Needs::Messages | Needs::PerSession(_)))
        || !query.row_dimensions().chain(query.filter.conditions.iter().map(|condition| condition.field)).all(is_own)
}

fn push_columns(sql: &mut Statement, query: &MetricQuery, anchor: Anchor, metrics: &[usize]) {
    for dimension in query.row_dimensions() {
        sql.push(", ").push(column(dimension, anchor));
    }
    push_coverage(sql, query, anchor);
    for metric in metrics.iter().map(|at| query.metrics[*at]) {
        let Metric { value_sql, known_sql, unknown_sql, .. } = metric;
        if is_summed_here(metric, anchor) {
            sql.push(", ").push(value_sql).push(", (").push(known_sql).push(")::numeric, ").push(unknown_sql);
        } else {
            // what was never read has no time of its own: it is missing where its session began
            sql.push(", null::numeric, 0::numeric, count(*) filter (where ").push(metric.is_unknown_sql).push(")");
        }
    }
}

/// How many sessions there are, and how many of them did not tell one of the metrics.
fn push_coverage(sql: &mut Statement, query: &MetricQuery, anchor: Anchor) {
    if anchor != Anchor::StartedAt {
        sql.push(", null::bigint as started, null::bigint as unknown");
        return;
    }
    sql.push(", count(*) as started, count(*) filter (where false");
    for metric in &query.metrics {
        sql.push(" or (").push(metric.is_unknown_sql).push(")");
    }
    sql.push(") as unknown");
}
