//! The most at once: presences counted along time.
//!
//! A presence adds one when it begins and takes one when it ends; the running sum is how many there are. What
//! happens in one instant is added first, so that who leaves makes room for who joins. Each bucket gets a change of
//! zero at its start, which carries in what began before it. No figure here may be added to another: groups and the
//! whole are swept each by themselves.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgPool, Row};

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::scan::push_filter;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::{MAX_DIMENSIONS, MetricQuery};
use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// Most presences at once in a bucket of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peak {
    /// Place of the bucket in the question.
    pub bucket: usize,
    /// The group: the value of each dimension of the question, in their order.
    pub dimensions: Vec<Option<String>>,
    /// How many.
    pub value: i64,
}

/// Reads the peaks of a question over these sources, at `now`: whoever is still there is there until now.
pub async fn read(
    pool: &PgPool,
    query: &MetricQuery,
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Result<Vec<Peak>, ReadError> {
    let rows = statement(query, source_ids, now).fetch_all(pool).await;
    let rows = rows.map_err(reading("peaks"))?;
    let peak = |row: &sqlx::postgres::PgRow| -> Result<Peak, sqlx::Error> {
        Ok(Peak {
            bucket: usize::try_from(row.try_get::<i32, _>("bucket")?).unwrap_or(1) - 1,
            dimensions: (0..query.dimensions.len()).map(|place| row.try_get(place)).collect::<Result<_, _>>()?,
            value: row.try_get("peak")?,
        })
    };
    rows.iter().map(peak).collect::<Result<_, _>>().map_err(reading("peaks"))
}

/// The groups are always as many columns as a question may have dimensions, the rest of them null: so the statement
/// is one text.
const CHANGES_AND_LEVELS: &str = "
), change (g1, g2, g3, g4, at, step) as (
  select g1, g2, g3, g4, joined_at, 1 from presence
  union all select g1, g2, g3, g4, left_at, -1 from presence
  union all select g.*, cut.bucket_start, 0 from (select distinct g1, g2, g3, g4 from presence) g cross join cut
), level (g1, g2, g3, g4, at, level) as (
  select g1, g2, g3, g4, at, sum(sum(step)) over (partition by g1, g2, g3, g4 order by at)
    from change group by g1, g2, g3, g4, at
)
select g1, g2, g3, g4, width_bucket(at, (select array_agg(bucket_start order by bucket_start) from cut)) as bucket,
       max(level)::bigint as peak
  from level";

/// No presence outlasts its session by more: older sessions are not looked into.
const LONGEST_AFTER_END: TimeDelta = TimeDelta::days(1);

fn statement(query: &MetricQuery, source_ids: &[i32], now: DateTime<Utc>) -> Statement {
    let TimeRange { from, to } = query.range;
    let starts: Vec<_> = query.buckets.iter().map(|bucket| bucket.from).collect();
    let mut sql = Statement::new("with cut (bucket_start) as (select unnest(");
    sql.push_bind(starts).push("::timestamptz[])), presence (g1, g2, g3, g4, joined_at, left_at) as (select ");
    for place in 0..MAX_DIMENSIONS {
        sql.push(query.dimensions.get(place).map_or("null::text", |dimension| column(*dimension))).push(", ");
    }
    sql.push(
        "p.joined_at, stay.left_at
           from analytics.participants p
           join analytics.sessions s using (source_id, session_id)
          cross join lateral (select coalesce(p.left_at, case when s.is_provisional then ",
    );
    sql.push_bind(now).push("::timestamptz end) as left_at) stay where stay.left_at > p.joined_at and p.joined_at < ");
    sql.push_bind(to).push(" and stay.left_at > ").push_bind(from);
    sql.push(" and (s.ended_at > ").push_bind(from - LONGEST_AFTER_END).push(" or s.ended_at is null)");
    sql.push(" and s.source_id = any(").push_bind(source_ids.to_vec()).push(")");
    push_filter(&mut sql, query);
    sql.push(CHANGES_AND_LEVELS);
    sql.push(" where at >= ").push_bind(from).push(" and at < ").push_bind(to);
    sql.push(" group by g1, g2, g3, g4, bucket order by g1, g2, g3, g4, bucket");
    sql
}

fn column(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Provider => "s.provider",
        Dimension::Source => "s.source",
        other => other.column().unwrap_or("null::text"),
    }
}
