//! Warnings about metric values.
//!
//! A warning states what was added, left out or compared although it is not quite alike; it changes no value. Each
//! names the metrics it concerns and what to do.

use chrono::{DateTime, Utc};

use crate::query::catalog::Source;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::{Applicability, Requires};
use crate::query::metrics::response::answer::Warning;

/// Returns warnings about the data behind the values.
pub(crate) fn of_data(
    query: &MetricQuery,
    sources: &[&Source],
    bases: &[String],
    has_mixed_cells: bool,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if bases.len() > 1 {
        let metered = query.metrics.iter().filter(|metric| metric.requires == Requires::Minutes);
        let what = if has_mixed_cells { "Rows and the total add" } else { "The total adds" };
        warnings.push(Warning {
            code: "mixed_minutes_basis",
            metrics: metered.map(|metric| metric.id).collect(),
            detail: format!("{what} minutes that measure different things: {}.", bases.join(" and ")),
            bases: bases.to_vec(),
        });
    }
    let rejects = |source: &&Source| source.streams.iter().map(|stream| stream.open_reject_count).sum::<i64>();
    for source in sources.iter().filter(|source| source.is_enabled && rejects(source) > 0) {
        let (count, slug) = (rejects(source), &source.source);
        let detail = format!("{count} records of {slug} could not be normalized; they are stored, but in no value.");
        warnings.push(of_all(query, "rejected_records", detail));
    }
    warnings.extend(unread(query, sources));
    warnings.extend(overlaps(query));
    if query.as_known_at.is_some() {
        let detail = "The values are as known at that time: sessions first seen later are left out, and later changes \
                      are undone. The completeness of the range and the freshness are as of now.";
        warnings.push(of_all(query, "as_known_at", detail.to_owned()));
    }
    warnings
}

/// Returns warnings about sources that have the data a metric needs but do not fetch them.
fn unread(query: &MetricQuery, sources: &[&Source]) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    for metric in &query.metrics {
        let (code, what) = metric.requires.not_fetched();
        let is_missing = |has| matches!(has, Applicability::NotFetched | Applicability::NotConfigured);
        let is_unread = |source: &&&Source| source.is_enabled && is_missing(metric.requires.of(source));
        let sources: Vec<&str> = sources.iter().filter(is_unread).map(|s| s.source.as_str()).collect();
        if let Some(same) = warnings.iter_mut().find(|warning| warning.code == code) {
            same.metrics.extend((!sources.is_empty()).then_some(metric.id));
        } else if !sources.is_empty() {
            let detail =
                format!("{what} are not available for {}; the values leave these sources out.", sources.join(", "));
            warnings.push(Warning { code, metrics: vec![metric.id], detail, bases: Vec::new() });
        }
    }
    warnings
}

/// Returns a warning about sessions that are in several groups.
fn overlaps(query: &MetricQuery) -> Option<Warning> {
    let overlaps = |metric: &&&Metric| query.dimensions.iter().any(|dimension| metric.overlaps_in(*dimension));
    let metrics: Vec<&'static str> = query.metrics.iter().filter(overlaps).map(|metric| metric.id).collect();
    let detail = "A session can be in several groups and counts once in each: groups must not be added. The totals \
                  are computed separately.";
    (!metrics.is_empty()).then(|| Warning {
        code: "overlapping_groups",
        metrics,
        detail: detail.to_owned(),
        bases: Vec::new(),
    })
}

/// Returns warnings about an unequal comparison; `before` is the status of the period compared with.
pub(crate) fn of_comparison(query: &MetricQuery, before: Option<BucketStatus>, now: DateTime<Utc>) -> Vec<Warning> {
    let Some((comparison, status)) = query.comparison.as_ref().zip(before) else { return Vec::new() };
    let mut warnings = Vec::new();
    if status != BucketStatus::Complete {
        let status = status.as_str();
        let detail =
            format!("The compared period is not proven complete (`{status}`): missing data may cause the change.");
        warnings.push(of_all(query, "previous_not_complete", detail));
    }
    if !comparison.wanted.same_elapsed && query.range.to > now && comparison.range.to <= now {
        let detail =
            "The range is not over, but the compared period is; `elapsed` = `same` compares only the elapsed part.";
        warnings.push(of_all(query, "unequal_elapsed", detail.to_owned()));
    }
    warnings
}

fn of_all(query: &MetricQuery, code: &'static str, detail: String) -> Warning {
    Warning { code, metrics: query.metrics.iter().map(|metric| metric.id).collect(), detail, bases: Vec::new() }
}
