//! The registry as analysts see it: `analytics.metric_definitions`, the statement behind each metric, and the short
//! functions of ratios (`analytics.resolution_rate(from, to, step, zone)`).
//!
//! All is generated whenever the schema is migrated to this version, and only what changed is written. A metric whose
//! meaning changed has a new version; earlier versions stay, with the time since which they applied. `analytics.metric`
//! runs the statements, and the short functions call it, so that analysts get the values of the API.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::registry::metrics;
use crate::query::metrics::sql::published::{self, Published};
use crate::query::metrics::sql::statement::quoted;
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
    let formulas: Vec<String> = all.iter().map(|metric| metric.whole_formula()).collect();
    let rules: Vec<String> = all.iter().map(|metric| metric.null_rule()).collect();
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
        &column(|metric| metric.additivity().as_str()) as &[&str],
        &formulas,
        &rules,
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

/// Writes the statements of all metrics, and the functions that are missing or differ from the registry; returns how
/// many functions it wrote.
pub async fn write_functions(pool: &PgPool) -> Result<u64, ReadError> {
    let mut tx = pool.begin().await.map_err(reading(WHAT))?;
    sqlx::query(LOCK).execute(&mut *tx).await.map_err(reading(WHAT))?;
    write_statements(&mut tx).await?;
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

async fn write_statements(tx: &mut PgConnection) -> Result<(), ReadError> {
    static ALL: LazyLock<Vec<Published>> = LazyLock::new(|| metrics().flat_map(published::all).collect());
    let all = &*ALL;
    let dimensions: Vec<String> = all.iter().map(|one| one.dimensions.join(",")).collect();
    sqlx::query!(
        "with published as (
             select m.metric_id, string_to_array(m.dimensions, ',') as dimensions, m.statement
               from unnest($1::text[], $2::text[], $3::text[]) m (metric_id, dimensions, statement)
         ), gone as (
             delete from ingest.metric_statements s
              where not exists (select from published p where (p.metric_id, p.dimensions) = (s.metric_id, s.dimensions))
         )
         insert into ingest.metric_statements as s (metric_id, dimensions, statement)
         select metric_id, dimensions, statement from published
         on conflict (metric_id, dimensions) do update set statement = excluded.statement
          where s.statement <> excluded.statement",
        &all.iter().map(|one| one.metric_id).collect::<Vec<_>>() as &[&str],
        &dimensions,
        &all.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>() as &[&str],
    )
    .execute(tx)
    .await
    .map_err(reading("the statements of metrics"))?;
    Ok(())
}

/// Returns the metrics that have a function.
pub fn ratios() -> impl Iterator<Item = &'static Metric> {
    metrics().filter(|metric| metric.is_ratio())
}

fn comment(metric: &Metric) -> String {
    let Metric { label, description, .. } = metric;
    format!(
        "{label}. {description} One row for each bucket of the zone and each source to which it applies; add \
         numerators and denominators, never values. {}",
        metric.null_rule()
    )
}

fn create(metric: &Metric, body: &str, comment: &str) -> String {
    const ARGUMENTS: &str = "text, text, interval, text";
    let id = metric.id;
    format!(
        "create or replace function analytics.{id}(range_from text, range_to text, step interval default '1 day',
                                                   zone text default 'UTC')
           returns table (bucket_start timestamptz, bucket_end timestamptz, provider text, source text, numerator numeric,
                          denominator numeric, unknown_count bigint, value numeric)
           language plpgsql stable as {};
         comment on function analytics.{id}({ARGUMENTS}) is {};",
        quoted(body),
        quoted(comment)
    )
}

fn body(metric: &Metric) -> String {
    format!(
        "
#variable_conflict use_column
begin
  return query
  select m.bucket_start, m.bucket_end, src.provider, src.source, m.numerator, m.denominator, m.unknown_count, m.value
    from analytics.metric('{}', range_from, range_to, step, zone, 'source') m
    join analytics.sources src on src.source = m.dimension_value
   order by m.bucket_start, src.source;
end
",
        metric.id
    )
}
