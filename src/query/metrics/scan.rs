//! Sums from the database: one statement for each column of time, one range scan for each bucket.
//!
//! Rows come back by bucket and source, and by channel and outcome where the question groups by them.
//! Provider, applicability and bases belong to the source and are never read per session. Every piece of
//! SQL is a constant; values are bound.

use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, QueryBuilder, Row};

use crate::query::metrics::MetricQuery;
use crate::query::metrics::registry::{Anchor, Dimension, Metric};
use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// The three sums of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// The value, or a ratio's numerator.
    pub value: Decimal,
    /// Rows it rests on, or a ratio's denominator.
    pub known: i64,
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
    /// The channel, where the question groups by it.
    pub channel: Option<String>,
    /// The outcome, where the question groups by it.
    pub outcome: Option<String>,
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

/// Reads the sums of a question over these sources.
pub async fn read(pool: &PgPool, query: &MetricQuery, source_ids: &[i32]) -> Result<Scanned, ReadError> {
    let mut scanned = Scanned::default();
    for anchor in Anchor::ALL {
        let is_read_here =
            |metric: &Metric| metric.anchor == anchor || (anchor == Anchor::StartedAt && metric.is_unknown_by_start);
        let metrics: Vec<usize> = (0..query.metrics.len()).filter(|at| is_read_here(query.metrics[*at])).collect();
        // coverage counts sessions by their start, whatever is asked
        if metrics.is_empty() && anchor != Anchor::StartedAt {
            continue;
        }
        let whole = [query.range];
        let buckets = if metrics.is_empty() { &whole[..] } else { &query.buckets };
        let rows = statement(query, anchor, &metrics, buckets, source_ids).build().fetch_all(pool).await;
        for row in rows.map_err(reading("figures"))? {
            take(&mut scanned, &row, anchor, &metrics).map_err(reading("figures"))?;
        }
    }
    Ok(scanned)
}

fn take(scanned: &mut Scanned, row: &PgRow, anchor: Anchor, metrics: &[usize]) -> Result<(), sqlx::Error> {
    let source_id = row.try_get("source_id")?;
    if anchor == Anchor::StartedAt {
        scanned.started.push(Started { source_id, count: row.try_get("started")?, unknown: row.try_get("unknown")? });
    }
    let bucket = usize::try_from(row.try_get::<i64, _>("bucket")?).unwrap_or(1) - 1;
    for (place, metric) in metrics.iter().enumerate() {
        let column = FIXED_COLUMNS + 3 * place;
        scanned.contributions.push(Contribution {
            bucket,
            source_id,
            channel: row.try_get("channel")?,
            outcome: row.try_get("outcome")?,
            metric: *metric,
            sums: Sums {
                value: row.try_get::<Option<Decimal>, _>(column)?.unwrap_or_default(),
                known: row.try_get(column + 1)?,
                unknown: row.try_get(column + 2)?,
            },
        });
    }
    Ok(())
}

/// Columns before those of the first metric.
const FIXED_COLUMNS: usize = 6;

fn statement(
    query: &MetricQuery,
    anchor: Anchor,
    metrics: &[usize],
    buckets: &[TimeRange],
    source_ids: &[i32],
) -> QueryBuilder<Postgres> {
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.from).collect();
    let ends: Vec<_> = buckets.iter().map(|bucket| bucket.to).collect();
    let mut sql = QueryBuilder::new("select b.bucket, a.* from unnest(");
    sql.push_bind(starts).push("::timestamptz[], ").push_bind(ends).push("::timestamptz[]");
    sql.push(") with ordinality as b (bucket_start, bucket_end, bucket) cross join lateral (select s.source_id");
    for (dimension, column) in [(Dimension::Channel, "channel"), (Dimension::Outcome, "outcome")] {
        let is_asked = query.dimensions.contains(&dimension);
        sql.push(if is_asked { ", s." } else { ", null::text as " }).push(column);
    }
    push_coverage(&mut sql, query, anchor);
    for metric in metrics.iter().map(|at| query.metrics[*at]) {
        let Metric { value_sql, known_sql, unknown_sql, .. } = metric;
        if metric.anchor == anchor {
            for (name, column) in [("value", value_sql), ("known", known_sql), ("unknown", unknown_sql)] {
                sql.push(", ").push(column).push(format_args!(" as {}_{name}", metric.id));
            }
        } else {
            // what was never read has no time of its own: it is missing where its session began
            sql.push(", null::numeric, 0::bigint, count(*) filter (where ").push(metric.is_unknown_sql).push(")");
        }
    }
    sql.push(match anchor {
        Anchor::StartedAt => " from analytics.sessions s where s.started_at >= b.bucket_start and s.started_at < b.bucket_end",
        Anchor::CompletedAt => {
            " from analytics.sessions s where s.completed_at >= b.bucket_start and s.completed_at < b.bucket_end"
        }
        Anchor::SentAt => {
            " from analytics.messages m join analytics.sessions s on s.source_id = m.source_id and s.session_id = m.session_id
              where m.sent_at >= b.bucket_start and m.sent_at < b.bucket_end"
        }
    });
    sql.push(" and not s.is_part_of_session and not s.is_deleted_at_provider");
    if !query.filter.sources.is_empty() {
        sql.push(" and s.source_id = any(").push_bind(source_ids.to_vec()).push(")");
    }
    let filter = &query.filter;
    let lists = [
        (" and s.channel = any(", &filter.channels),
        (" and s.outcome = any(", &filter.outcomes),
        (" and s.session_kind = any(", &filter.session_kinds),
    ];
    for (clause, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        sql.push(clause).push_bind(values.clone()).push(")");
    }
    sql.push(" group by 1, 2, 3) a");
    sql
}

/// How many sessions there are, and how many of them did not tell one of the metrics.
fn push_coverage(sql: &mut QueryBuilder<Postgres>, query: &MetricQuery, anchor: Anchor) {
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
