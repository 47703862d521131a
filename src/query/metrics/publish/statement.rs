//! The statement of a metric as analysts run it: over `analytics` alone, with the range, the step and the dimension as
//! parameters.
//!
//! `$1` and `$2` are the range, `$3` is the step and `$4` the zone of the buckets, `$5` the name of a dimension or
//! null, `$6` the present. It is made of the same expressions, rows and conditions as the API's own statements, and
//! knows nothing of proofs: where a range is not proven complete, the API says so, and this does not.

use chrono::DateTime;

use crate::query::bucket::Granularity;
use crate::query::metrics::counted_sessions::push_filter_of;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::from_clause::{push_rows, same_time_of_session, time};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::pass::Pass;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::time_column::{Attribution, TimeColumn};
use crate::query::number::Number;
use crate::query::range::TimeRange;

/// One statement of a metric, and the dimensions that it can be run with.
pub(super) struct Published {
    pub(super) metric_id: &'static str,
    pub(super) dimensions: Vec<&'static str>,
    pub(super) sql: String,
}

/// Returns the statements of a metric: one for all dimensions that are columns of its rows, and one for each other
/// dimension, whose rows need further joins.
pub(super) fn all(metric: &'static Metric) -> Vec<Published> {
    let possible = || Dimension::ALL.into_iter().filter(|dimension| metric.can_be_grouped_by(*dimension));
    let is_plain = |dimension: &Dimension| matches!(dimension.level(), Level::Source | Level::Session | Level::Clock);
    let plain: Vec<Dimension> = possible().filter(is_plain).collect();
    let alone = possible().filter(|dimension| !is_plain(dimension)).map(|dimension| vec![dimension]);
    let publish = |dimensions: Vec<Dimension>| Published {
        metric_id: metric.id,
        sql: sql(metric, &dimensions),
        dimensions: dimensions.into_iter().map(Dimension::as_str).collect(),
    };
    std::iter::once(plain).chain(alone).map(publish).collect()
}

fn sql(metric: &'static Metric, dimensions: &[Dimension]) -> String {
    let mut sql = Statement::new(
        "with cut as (
  select bucket_start, bucket_end, least(bucket_end, $6) as counted_to,
         row_number() over (order by bucket_start) as bucket
    from analytics.buckets_between($1, $2, $3, $4)
), edge as (
  select array_agg(bucket_start order by bucket_start) as starts from cut
), told_by as (
  select src.source_id, src.source, src.provider from analytics.sources src",
    );
    if let Some(condition) = metric.requires.condition_sql() {
        sql.push(" where ").push(condition);
    }
    sql.push("\n), counted as (");
    if metric.additivity.is_along_time() {
        push_along_time(&mut sql, metric, dimensions);
    } else {
        let Metric { value_sql, known_sql, unknown_sql, .. } = metric;
        let numbers = format!(
            "({value_sql})::numeric as value, ({known_sql})::numeric as known_count, ({unknown_sql})::bigint as unknown_count"
        );
        push_counts(
            &mut sql,
            metric,
            dimensions,
            &Pass { metrics: vec![0], ..Pass::of(metric, Attribution::Start) },
            &numbers,
        );
    }
    if metric.is_unknown_by_start {
        // Data that were never read count as missing at the start of their session.
        sql.push("\n), never_read as (");
        let missing = format!("count(*) filter (where {}) as unknown_count", metric.is_unknown_sql);
        push_counts(&mut sql, metric, dimensions, &Pass::first(), &missing);
    }
    push_result(&mut sql, metric);
    sql.literal(chrono_tz::UTC)
}

/// Adds a query that counts the rows of a pass by bucket and dimension.
fn push_counts(sql: &mut Statement, metric: &'static Metric, dimensions: &[Dimension], pass: &Pass, numbers: &str) {
    let at = time(pass);
    let is_as_of = pass.time_column == TimeColumn::AsOf;
    let question = question(metric, dimensions);
    sql.push("\n  select b.bucket, ").push(group(dimensions, |dimension| pass.column(dimension)));
    sql.push(" as dimension_value, ").push(numbers);
    sql.push("\n    from (select $6 as now, $4 as zone) t cross join ");
    if is_as_of {
        sql.push("cut b cross join lateral (select least(b.bucket_end, t.now) as at) c cross join ");
        push_rows(sql, &question, pass);
        sql.push("\n   where b.bucket_start < t.now");
    } else {
        push_rows(sql, &question, pass);
        sql.push("\n   cross join edge cross join lateral (select ").push(at).push(" as at) a");
        sql.push("\n   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot");
        sql.push("\n   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b");
        sql.push("\n   where ").push(at).push(" >= $1 and ").push(at).push(" < $2");
    }
    if let Some(same) = same_time_of_session(pass) {
        sql.push(" and ").push(same).push(" >= $1 and ").push(same).push(" < $2");
    }
    sql.push(" and s.source_id in (select source_id from told_by)");
    push_filter_of(sql, &question, pass.grain);
    sql.push("\n   group by 1, 2");
}

/// Returns the group of a row, by the name of the dimension.
fn group(dimensions: &[Dimension], column: impl Fn(Dimension) -> &'static str) -> String {
    let of = |dimension: &Dimension| match dimension {
        Dimension::Provider => " when 'provider' then s.provider".to_owned(),
        Dimension::Source => " when 'source' then s.source".to_owned(),
        other => format!(" when '{}' then {}", other.as_str(), column(*other)),
    };
    format!("case $5{} end", dimensions.iter().map(of).collect::<String>())
}

/// Adds the values of a metric along time: each start adds one, each end subtracts one, and each bucket begins with a
/// change of zero, which carries the level of earlier rows into it.
fn push_along_time(sql: &mut Statement, metric: &'static Metric, dimensions: &[Dimension]) {
    let is_of_presences = metric.grain == Grain::Presences;
    let (began, rows) = if is_of_presences { ("p.joined_at", PRESENCES) } else { ("s.started_at", SESSIONS) };
    let column = |dimension: Dimension| dimension.column().unwrap_or("null::text");
    let value = if metric.additivity == Additivity::TimeAverage { AVERAGE } else { "max(placed.level)::numeric" };
    sql.push("\n  with presence as (\n    select ").push(group(dimensions, column)).push(" as dimension_value, ");
    sql.push(began).push(" as began_at, stay.ended_at").push(rows);
    sql.push(" and ").push(began).push(" < $2 and stay.ended_at > ").push(began).push(" and stay.ended_at > $1");
    sql.push(" and s.source_id in (select source_id from told_by)");
    push_filter_of(sql, &question(metric, dimensions), metric.grain);
    sql.push(LEVELS).push(value).push(" as value, ceil(").push(value);
    sql.push(") as known_count, 0::bigint as unknown_count").push(PLACED);
}

const SESSIONS: &str = "
      from analytics.sessions s
     cross join lateral (
           select analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                               s.live_participants, $6) as ended_at) stay
     where (s.ended_at > $1 or s.session_state in ('live', 'open'))";

const PRESENCES: &str = "
      from analytics.participants p
      join analytics.sessions s using (source_id, session_id)
     cross join lateral (select coalesce(p.left_at, case when s.is_provisional then $6 end) as ended_at) stay
     where (s.ended_at > $1 - interval '1 day' or s.ended_at is null)";

const LEVELS: &str = "
  ), change as (
    select dimension_value, began_at as at, 1 as step from presence
    union all select dimension_value, ended_at, -1 from presence
    union all select g.dimension_value, cut.bucket_start, 0
                from (select distinct dimension_value from presence) g cross join cut
  ), level as (
    select dimension_value, at, sum(sum(step)) over along as level, lead(at) over along as next_at
      from change group by dimension_value, at
    window along as (partition by dimension_value order by at)
  ), placed as (
    select level.*, width_bucket(level.at, edge.starts)::bigint as bucket
      from level cross join edge where level.at >= $1 and level.at < $2
  )
  select placed.bucket, placed.dimension_value, ";

const PLACED: &str = "
    from placed join cut using (bucket)
   group by placed.bucket, placed.dimension_value";

const AVERAGE: &str = "coalesce(round(
         sum(placed.level * extract(epoch from greatest(least(placed.next_at, cut.counted_to) - placed.at, interval '0')))
         / nullif(extract(epoch from greatest(min(cut.counted_to) - min(cut.bucket_start), interval '0')), 0), 18), 0)";

/// Adds the values, by bucket and group: of each source or provider that tells one, and of each value of another
/// dimension that a row has.
fn push_result(sql: &mut Statement, metric: &Metric) {
    let unknown = if metric.is_unknown_by_start {
        "(coalesce(counted.unknown_count, 0) + coalesce(never_read.unknown_count, 0))"
    } else {
        "coalesce(counted.unknown_count, 0)"
    };
    let digits = Number::DIGITS;
    sql.push(
        "
), of as (
  select null::text as dimension_value where $5 is null
  union select case $5 when 'source' then source else provider end from told_by where $5 in ('source', 'provider')
  union select dimension_value from counted where $5 is not null",
    );
    if metric.is_unknown_by_start {
        sql.push("\n  union select dimension_value from never_read where $5 is not null and unknown_count > 0");
    }
    sql.push("\n)\nselect cut.bucket_start, cut.bucket_end, of.dimension_value,\n       ");
    let value = match metric.additivity {
        Additivity::RatioOfSums => "counted.value / nullif(counted.known_count, 0)".to_owned(),
        Additivity::Percentile | Additivity::MaximumAsOf => {
            "case when counted.known_count > 0 then coalesce(counted.value, 0) end".to_owned()
        }
        _ => format!(
            "case when coalesce(counted.known_count, 0) = 0 and {unknown} > 0 or not exists (select from told_by) then null
                  else coalesce(counted.value, 0) end"
        ),
    };
    let is_as_of = metric.time_column == TimeColumn::AsOf || metric.additivity.is_along_time();
    let begun = if is_as_of { "case when cut.bucket_start < $6 then " } else { "" };
    sql.push(format!("round({begun}{value}{}, {digits}) as value,\n       ", if is_as_of { " end" } else { "" }));
    sql.push(if metric.additivity == Additivity::RatioOfSums {
        "coalesce(counted.value, 0) as numerator, coalesce(counted.known_count, 0) as denominator,"
    } else {
        "null::numeric as numerator, null::numeric as denominator,"
    });
    sql.push("\n       coalesce(counted.known_count, 0) as known_count, ").push(unknown).push(" as unknown_count");
    sql.push("\n  from cut\n cross join of\n  left join counted on counted.bucket = cut.bucket");
    sql.push("\n                   and counted.dimension_value is not distinct from of.dimension_value");
    if metric.is_unknown_by_start {
        sql.push("\n  left join never_read on never_read.bucket = cut.bucket");
        sql.push("\n                      and never_read.dimension_value is not distinct from of.dimension_value");
    }
    sql.push("\n order by cut.bucket_start, of.dimension_value");
}

/// Returns a query of the metric over all sessions; the range is a parameter of the statement.
fn question(metric: &'static Metric, dimensions: &[Dimension]) -> MetricQuery {
    MetricQuery {
        metrics: vec![metric],
        dimensions: dimensions.to_vec(),
        range: TimeRange { from: DateTime::UNIX_EPOCH, to: DateTime::UNIX_EPOCH },
        buckets: Vec::new(),
        granularity: Granularity::None,
        zone: chrono_tz::UTC,
        zone_name: "UTC",
        filter: MetricFilter::default(),
        as_known_at: None,
        attribution: Attribution::Start,
        totals_by: Vec::new(),
        top: None,
        comparison: None,
    }
}
