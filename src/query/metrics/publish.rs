//! The registry as analysts see it: `analytics.metric_definitions`, and the SQL functions of ratios
//! (`analytics.resolution_rate(from, to, step, zone)`).
//!
//! Both are generated whenever the schema is migrated to this version, and only what changed is written. A metric whose
//! meaning changed has a new version; earlier versions stay, with the time since which they applied. The two parts of a
//! ratio must cover the same rows and the same time, which is easy to get wrong by hand: the functions return the same
//! values as the API. They do not know whether a bucket is complete; `stream_freshness` does.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgPool};

use crate::query::bucket::Granularity;
use crate::query::metrics::counted_sessions::push_filter_of;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::from_clause::{push_rows, same_time_of_session, time};
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::pass::Pass;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::registry::metrics;
use crate::query::metrics::statement::{Statement, quoted};
use crate::query::metrics::time_column::Attribution;
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// A lock that lets one process at a time write the functions, and that an analyst cannot take. It is not the
/// migration lock: behind a pooler, waiting for that could occupy a connection that its holder needs.
const LOCK: &str = "lock table ingest.metric_definitions in share row exclusive mode";

const WHAT: &str = "the functions of ratios";

/// Writes the definitions of this version, and returns how many of them changed.
pub async fn write_definitions(pool: &PgPool, now: DateTime<Utc>) -> Result<u64, ReadError> {
    let all: Vec<&Metric> = metrics().collect();
    let column = |of: fn(&Metric) -> &'static str| all.iter().map(|metric| of(metric)).collect::<Vec<&str>>();
    let versions: Vec<i32> = all.iter().map(|metric| i32::from(metric.version)).collect();
    let dimensions: Vec<String> = all.iter().map(|metric| dimensions(metric).join(",")).collect();
    let written = sqlx::query!(
        "insert into ingest.metric_definitions as d (metric_id, definition_version, valid_from, label, description, unit,
                additivity, formula, null_rule, anchor, needs, applies_to, dimensions)
         select m.metric_id, m.definition_version, $1, m.label, m.description, m.unit, m.additivity, m.formula,
                m.null_rule, m.anchor, m.needs, m.applies_to, string_to_array(m.dimensions, ',')
           from unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                       $10::text[], $11::text[], $12::text[], $13::text[])
                m (metric_id, definition_version, label, description, unit, additivity, formula, null_rule, anchor, needs,
                   applies_to, dimensions)
         on conflict (metric_id, definition_version) do update
            set label = excluded.label, description = excluded.description, unit = excluded.unit,
                additivity = excluded.additivity, formula = excluded.formula, null_rule = excluded.null_rule,
                anchor = excluded.anchor, needs = excluded.needs, applies_to = excluded.applies_to,
                dimensions = excluded.dimensions
          where (d.label, d.description, d.unit, d.additivity, d.formula, d.null_rule, d.anchor, d.needs, d.applies_to,
                 d.dimensions)
                is distinct from
                (excluded.label, excluded.description, excluded.unit, excluded.additivity, excluded.formula,
                 excluded.null_rule, excluded.anchor, excluded.needs, excluded.applies_to, excluded.dimensions)",
        now,
        &column(|metric| metric.id) as &[&str],
        &versions,
        &column(|metric| metric.label) as &[&str],
        &column(|metric| metric.description) as &[&str],
        &column(|metric| metric.unit) as &[&str],
        &column(|metric| metric.additivity.as_str()) as &[&str],
        &column(|metric| metric.formula) as &[&str],
        &column(|metric| metric.null_rule) as &[&str],
        &column(|metric| metric.time_column.as_str()) as &[&str],
        &column(|metric| metric.requires.code()) as &[&str],
        &column(|metric| metric.requires.as_str()) as &[&str],
        &dimensions,
    )
    .execute(pool)
    .await
    .map_err(reading("the list of metrics"))?;
    Ok(written.rows_affected())
}

/// Returns the dimensions that a metric can be grouped by.
pub fn dimensions(metric: &Metric) -> Vec<&'static str> {
    let possible = Dimension::ALL.into_iter().filter(|dimension| metric.can_be_grouped_by(*dimension));
    possible.map(Dimension::as_str).collect()
}

/// Writes the functions that are missing or differ from the registry, and returns how many.
pub async fn write_functions(pool: &PgPool) -> Result<u64, ReadError> {
    let mut tx = pool.begin().await.map_err(reading(WHAT))?;
    sqlx::query(LOCK).execute(&mut *tx).await.map_err(reading(WHAT))?;
    let there = sqlx::query!(
        r#"select p.proname::text as "id!", p.prosrc as "body!", obj_description(p.oid, 'pg_proc') as comment
             from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = 'analytics'"#
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(reading(WHAT))?;
    let mut written = 0;
    for metric in ratios() {
        let (body, comment) = (body(metric), comment(metric));
        let is_same = |id: &str, there: &str| id == metric.id && there == body;
        if there.iter().any(|row| is_same(&row.id, &row.body) && row.comment.as_deref() == Some(&comment)) {
            continue;
        }
        // The text consists of constants of the registry alone.
        sqlx::raw_sql(AssertSqlSafe(create(metric, &body, &comment))).execute(&mut *tx).await.map_err(reading(WHAT))?;
        written += 1;
    }
    tx.commit().await.map_err(reading(WHAT))?;
    Ok(written)
}

/// Returns the metrics that have a function.
pub fn ratios() -> impl Iterator<Item = &'static Metric> {
    metrics().filter(|metric| metric.additivity == Additivity::RatioOfSums)
}

fn comment(metric: &Metric) -> String {
    let Metric { label, description, null_rule, .. } = metric;
    format!(
        "{label}. {description} One row for each bucket of the zone and each source to which it applies; add \
         numerators and denominators, never values. {null_rule}"
    )
}

fn create(metric: &Metric, body: &str, comment: &str) -> String {
    const ARGUMENTS: &str = "timestamptz, timestamptz, interval, text";
    let id = metric.id;
    format!(
        "create or replace function analytics.{id}(range_from timestamptz, range_to timestamptz,
                                                   step interval default '1 day', zone text default 'UTC')
           returns table (bucket_start timestamptz, bucket_end timestamptz, provider text, source text, numerator numeric,
                          denominator numeric, unknown_count bigint, value numeric)
           language sql stable as {};
         comment on function analytics.{id}({ARGUMENTS}) is {};",
        quoted(body),
        quoted(comment)
    )
}

fn body(metric: &'static Metric) -> String {
    let pass = Pass { metrics: vec![0], ..Pass::of(metric, Attribution::Start) };
    let counts = format!(
        "({})::numeric as numerator, ({})::numeric as denominator, ({})::bigint as unknown_count",
        metric.value_sql, metric.known_sql, metric.unknown_sql
    );
    let mut sql = Statement::new(
        "with cut as (
  select bucket_start, bucket_end, row_number() over (order by bucket_start) as bucket
    from analytics.buckets(range_from, range_to, step, zone)
), told as (",
    );
    push_counts(&mut sql, metric, &pass, &counts);
    let mut unknown = "coalesce(told.unknown_count, 0)".to_owned();
    if metric.is_unknown_by_start {
        // Data that were never read count as missing at the start of their session.
        sql.push("\n), never_read as (");
        let missing = format!("count(*) filter (where {}) as unknown_count", metric.is_unknown_sql);
        push_counts(&mut sql, metric, &Pass::first(), &missing);
        unknown.push_str(" + coalesce(never_read.unknown_count, 0)");
    }
    sql.push(
        "\n)
select cut.bucket_start, cut.bucket_end, src.provider, src.source, coalesce(told.numerator, 0),
       coalesce(told.denominator, 0), ",
    );
    let digits = Number::DIGITS;
    sql.push(unknown);
    sql.push(format!(",\n       round(told.numerator / nullif(told.denominator, 0), {digits})"));
    sql.push("\n  from cut cross join analytics.sources src\n  left join told using (bucket, source_id)");
    if metric.is_unknown_by_start {
        sql.push("\n  left join never_read using (bucket, source_id)");
    }
    if let Some(condition) = metric.requires.condition_sql() {
        sql.push("\n where ").push(condition);
    }
    sql.push("\n order by cut.bucket_start, src.source");
    sql.literal(chrono_tz::UTC)
}

/// Adds a query that counts the rows of a pass by bucket and source.
fn push_counts(sql: &mut Statement, metric: &'static Metric, pass: &Pass, counts: &str) {
    let at = time(pass);
    sql.push("\n  select b.bucket, s.source_id, ").push(counts);
    sql.push("\n    from (select now() as now, zone as zone) t cross join ");
    push_rows(sql, &question(metric), pass);
    sql.push("\n   cross join (select array_agg(bucket_start order by bucket_start) as starts from cut) edge");
    sql.push("\n   cross join lateral (select width_bucket(").push(at).push(", edge.starts)::bigint as bucket) b");
    sql.push("\n   where ").push(at).push(" >= range_from and ").push(at).push(" < range_to");
    if let Some(same) = same_time_of_session(pass) {
        sql.push(" and ").push(same).push(" >= range_from and ").push(same).push(" < range_to");
    }
    push_filter_of(sql, &question(metric), pass.grain);
    sql.push("\n   group by 1, 2");
}

/// Returns a query of the metric over all sessions; the range is an argument of the function.
fn question(metric: &'static Metric) -> MetricQuery {
    MetricQuery {
        metrics: vec![metric],
        dimensions: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::metrics::columns;
    use crate::query::metrics::time_column::TimeColumn;

    #[test]
    fn ratios_need_nothing_that_their_functions_do_not_have() {
        for metric in ratios() {
            let Metric { value_sql, known_sql, unknown_sql, is_unknown_sql, .. } = metric;
            for sql in [value_sql, known_sql, unknown_sql, is_unknown_sql] {
                assert!(!columns::names(sql, "b") && !columns::names(sql, "a"), "{}: {sql}", metric.id);
            }
            assert_ne!(metric.time_column, TimeColumn::AsOf, "{}", metric.id);
        }
    }
}
