//! Concurrency: the number of simultaneous sessions or presences.
//!
//! Each start adds one and each end subtracts one; the running sum is the concurrency. Changes of the same instant
//! are summed first, so that an end makes room for a start. Each bucket gets a change of zero at its start, which
//! carries in the sum from before. The peak is the highest sum of a bucket, the average is weighted by time. These
//! values must not be added: each group and the whole are computed separately.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::query::catalog::Source;
use crate::query::metrics::counted_sessions::push_filter;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::query::{MAX_DIMENSIONS, MetricQuery};
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::statement::Statement;
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// A value along time, of a bucket and a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrencyValue {
    /// Index of the metric in the query.
    pub metric: usize,
    /// Index of the bucket in the query.
    pub bucket: usize,
    /// The group: the value of each dimension of the query, in their order.
    pub dimensions: Vec<Option<String>>,
    /// The value.
    pub value: Decimal,
}

/// Reads the metrics of a query along time; metrics of the same grain are read together.
pub async fn read(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Vec<ConcurrencyValue>, ReadError> {
    let mut levels = Vec::new();
    for grain in [Grain::Sessions, Grain::Presences] {
        let has_this_grain = |metric: &&&Metric| metric.additivity.is_along_time() && metric.grain == grain;
        let Some(metric) = query.metrics.iter().find(has_this_grain) else { continue };
        let applicable = sources.iter().filter(|source| metric.requires.of(source) == Applicability::Applicable);
        let ids: Vec<i32> = applicable.map(|source| source.source_id).collect();
        levels.extend(read_grain(snapshot, query, grain, &ids, now).await?);
    }
    Ok(levels)
}

/// Reads the metrics along time of a query of one grain, over these sources. Rows without an end last until
/// `now`.
async fn read_grain(
    snapshot: &Snapshot,
    query: &MetricQuery,
    grain: Grain,
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Result<Vec<ConcurrencyValue>, ReadError> {
    let found = statement(query, grain, source_ids, now).fetch_all(snapshot).await;
    let mut levels = Vec::new();
    for row in found.map_err(reading("the concurrency"))? {
        take(&mut levels, &row, query, grain).map_err(reading("the concurrency"))?;
    }
    Ok(levels)
}

fn take(levels: &mut Vec<ConcurrencyValue>, row: &PgRow, query: &MetricQuery, grain: Grain) -> Result<(), sqlx::Error> {
    let bucket = usize::try_from(row.try_get::<i32, _>("bucket")?).unwrap_or(1) - 1;
    let dimensions = (0..query.dimensions.len()).map(|place| row.try_get(place));
    let dimensions = dimensions.collect::<Result<Vec<Option<String>>, _>>()?;
    for (metric, asked) in query.metrics.iter().enumerate().filter(|(_, metric)| metric.grain == grain) {
        let value: Option<Decimal> = match asked.additivity {
            Additivity::Maximum => row.try_get("peak")?,
            Additivity::TimeAverage => row.try_get("average")?,
            _ => None,
        };
        levels.extend(value.map(|value| ConcurrencyValue { metric, bucket, dimensions: dimensions.clone(), value }));
    }
    Ok(())
}

/// There are always as many group columns as a query may have dimensions, the unused ones null, so that the statement
/// has one text.
const LEVELS: &str = "
), change (g1, g2, g3, g4, at, step) as (
  select g1, g2, g3, g4, began_at, 1 from presence
  union all select g1, g2, g3, g4, ended_at, -1 from presence
  union all select g.*, cut.bucket_start, 0 from (select distinct g1, g2, g3, g4 from presence) g cross join cut
), level (g1, g2, g3, g4, at, level, next_at) as (
  select g1, g2, g3, g4, at, sum(sum(step)) over along, lead(at) over along
    from change group by g1, g2, g3, g4, at
  window along as (partition by g1, g2, g3, g4 order by at)
)";

const FIGURES: &str = ", placed as (
  select *, width_bucket(at, (select array_agg(bucket_start order by bucket_start) from cut)) as bucket from level
)
select p.g1, p.g2, p.g3, p.g4, p.bucket, max(p.level)::numeric as peak, ";

const AVERAGE: &str =
    "sum(p.level * extract(epoch from greatest(least(p.next_at, cut.counted_to) - p.at, interval '0')))
             / nullif(extract(epoch from greatest(cut.counted_to - cut.bucket_start, interval '0')), 0)";

/// Longest time by which a presence outlasts its session; sessions that ended earlier are not read.
const LONGEST_AFTER_END: TimeDelta = TimeDelta::days(1);

/// Returns the statement for the values of a query, by bucket and group.
pub(super) fn statement(query: &MetricQuery, grain: Grain, source_ids: &[i32], now: DateTime<Utc>) -> Statement {
    let TimeRange { from, to } = query.range;
    let mut sql = levels(query, grain, source_ids, now);
    // The peak is cheap to compute, an average of exact numbers is not.
    let is_averaged =
        query.metrics.iter().any(|asked| asked.additivity == Additivity::TimeAverage && asked.grain == grain);
    let average =
        if is_averaged { format!("round({AVERAGE}, {})", Number::QUOTIENT_DIGITS) } else { "null::numeric".to_owned() };
    sql.push(FIGURES).push(average);
    sql.push(" as average from placed p join cut using (bucket) where p.at >= ")
        .push_bind(from)
        .push(" and p.at < ")
        .push_bind(to);
    sql.push(" group by p.g1, p.g2, p.g3, p.g4, p.bucket, cut.bucket_start, cut.counted_to");
    sql.push(" order by p.g1, p.g2, p.g3, p.g4, p.bucket");
    sql
}

/// Returns the start of a statement with the concurrency after each change, by group; the caller continues it with a
/// query of `level`.
pub(super) fn levels(query: &MetricQuery, grain: Grain, source_ids: &[i32], now: DateTime<Utc>) -> Statement {
    let starts: Vec<_> = query.buckets.iter().map(|bucket| bucket.from).collect();
    // Future time is in no average.
    let ends: Vec<_> = query.buckets.iter().map(|bucket| bucket.to.min(now)).collect();
    let mut sql = Statement::new("with cut (bucket_start, counted_to, bucket) as (select * from unnest(");
    sql.push_bind(starts).push("::timestamptz[], ").push_bind(ends).push("::timestamptz[]) with ordinality");
    sql.push("), presence (g1, g2, g3, g4, began_at, ended_at) as (select ");
    for place in 0..MAX_DIMENSIONS {
        sql.push(query.dimensions.get(place).map_or("null::text", |dimension| column(*dimension))).push(", ");
    }
    sql.push(began(grain)).push(", stay.ended_at");
    push_stays(&mut sql, query, grain, source_ids, query.range, now);
    sql.push(LEVELS);
    sql
}

/// Returns the column of a row's start.
pub(super) fn began(grain: Grain) -> &'static str {
    if grain == Grain::Presences { "p.joined_at" } else { "s.started_at" }
}

/// Adds the rows that touch a range, with their ends under the alias `stay`.
pub(super) fn push_stays(
    sql: &mut Statement,
    query: &MetricQuery,
    grain: Grain,
    source_ids: &[i32],
    TimeRange { from, to }: TimeRange,
    now: DateTime<Utc>,
) {
    let began = began(grain);
    let (before_end, may_run) = if grain == Grain::Presences {
        sql.push(
            " from analytics.participants p
               join analytics.sessions s using (source_id, session_id)
              cross join lateral (select coalesce(p.left_at, case when s.is_provisional then ",
        );
        sql.push_bind(now).push("::timestamptz end) as ended_at) stay");
        (LONGEST_AFTER_END, "s.ended_at is null")
    } else {
        sql.push(
            " from analytics.sessions s
              cross join lateral (
                    select analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                                        s.live_participants, ",
        );
        sql.push_bind(now).push("::timestamptz) as ended_at) stay");
        (TimeDelta::zero(), "s.session_state in ('live', 'open')")
    };
    sql.push(" where stay.ended_at > ").push(began).push(" and ").push(began).push(" < ").push_bind(to);
    sql.push(" and stay.ended_at > ").push_bind(from);
    sql.push(" and (s.ended_at > ").push_bind(from - before_end);
    sql.push(" or ").push(may_run).push(") and s.source_id = any(");
    sql.push_bind(source_ids.to_vec()).push(")");
    push_filter(sql, query);
}

/// Returns the column of a dimension.
pub(super) fn column(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Provider => "s.provider",
        Dimension::Source => "s.source",
        other => other.column().unwrap_or("null::text"),
    }
}
