//! The list of metrics for analysts: `analytics.metric_definitions`.
//!
//! It is written from the registry whenever the schema is migrated to this version: one statement, and only what
//! changed. A metric whose meaning changed has a new version. Earlier versions stay, with the time since which they
//! applied.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Metric, metrics};
use crate::query::{ReadError, reading};

/// Writes the definitions of this version, and returns how many of them changed.
pub async fn write(pool: &PgPool, now: DateTime<Utc>) -> Result<u64, ReadError> {
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
