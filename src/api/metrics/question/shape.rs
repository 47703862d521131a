//! The shape of a query: metrics, dimensions, sub-totals and the greatest groups.
//!
//! A query whose rows would count a session twice is refused with an alternative; so is one that would be too wide.

use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::parameters::values::flag;
use crate::api::parameters::{Faults, Said};
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::filter::is_filterable;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::{MAX_DIMENSIONS, MAX_METRICS, MAX_TOP, Top};
use crate::query::metrics::registry;

pub(super) fn metrics(raw_query: &RawQuery, faults: &mut Faults) -> Vec<&'static Metric> {
    if raw_query.metrics.is_empty() {
        let code = if raw_query.is_body { "missing_field" } else { "missing_parameter" };
        faults.note(raw_query.location("metrics"), code, "Name at least one metric; see /v1/metrics.");
    }
    if raw_query.metrics.len() > MAX_METRICS {
        let detail = format!("A query can have at most {MAX_METRICS} metrics; query the others separately.");
        faults.note(raw_query.location("metrics"), "too_many_metrics", detail);
    }
    let mut found = Vec::new();
    for said in &raw_query.metrics {
        if let Some(metric) = registry::metric(&said.text) {
            found.push(metric);
        } else {
            let known = registry::metrics().map(|metric| metric.id);
            faults.note_unknown(&said.at, "unknown_metric", &said.text, known);
        }
    }
    found
}

pub(super) fn dimensions(raw_query: &RawQuery, faults: &mut Faults) -> Vec<Dimension> {
    if raw_query.dimensions.len() > MAX_DIMENSIONS {
        let detail = format!("Values can be grouped by at most {MAX_DIMENSIONS} dimensions.");
        faults.note(raw_query.location("dimensions"), "too_many_dimensions", detail);
    }
    raw_query.dimensions.iter().filter_map(|said| dimension(said, faults)).collect()
}

fn dimension(said: &Said, faults: &mut Faults) -> Option<Dimension> {
    let dimension = Dimension::parse(&said.text);
    if dimension.is_none() {
        faults.note_unknown(&said.at, "unknown_dimension", &said.text, Dimension::ALL.map(Dimension::as_str));
    }
    dimension
}

/// Refuses a metric whose rows would fall into several groups, and names the alternatives.
pub(super) fn check_groups(
    raw_query: &RawQuery,
    metrics: &[&'static Metric],
    dimensions: &[Dimension],
    faults: &mut Faults,
) {
    for dimension in dimensions {
        for metric in metrics.iter().filter(|metric| !metric.can_be_grouped_by(*dimension)) {
            let possible: Vec<&str> =
                registry::metrics().filter(|metric| is_told_by(metric, *dimension)).map(|metric| metric.id).collect();
            let (id, name) = (metric.id, dimension.as_str());
            let (code, why) = if metric.is_of_sessions() && dimension.level() != Level::Clock {
                ("overlapping_dimension", "a session has several values and would count in each group".to_owned())
            } else {
                ("not_groupable", format!("{} do not have it", metric.grain.as_str()))
            };
            let detail = format!(
                "`{id}` cannot be grouped by `{name}`: {why}. Omit `{name}`, or query {}.",
                possible.join(", ")
            );
            faults.note(location_of(raw_query, &raw_query.dimensions, name), code, detail);
        }
    }
}

/// Returns whether the metric's own rows have the dimension.
fn is_told_by(metric: &Metric, dimension: Dimension) -> bool {
    let is_counted_in_each = metric.is_of_sessions() && metric.overlaps_in(dimension) && metric.can_overlap;
    metric.can_be_grouped_by(dimension) && !is_counted_in_each
}

/// Returns the location of a dimension in the query.
fn location_of(raw_query: &RawQuery, said: &[Said], name: &str) -> crate::api::parameters::FaultLocation {
    said.iter().find(|said| said.text == name).map_or_else(|| raw_query.location("dimensions"), |said| said.at.clone())
}

pub(super) fn totals_by(raw_query: &RawQuery, dimensions: &[Dimension], faults: &mut Faults) -> Vec<Dimension> {
    let mut totals_by = Vec::new();
    for said in &raw_query.totals_by {
        if let Some(dimension) = dimensions.iter().find(|dimension| dimension.as_str() == said.text) {
            totals_by.push(*dimension);
        } else {
            let known = dimensions.iter().map(|dimension| dimension.as_str());
            faults.note_unknown(&said.at, "not_a_dimension_of_the_question", &said.text, known);
        }
    }
    totals_by
}

pub(super) fn top(
    raw_query: &RawQuery,
    metrics: &[&'static Metric],
    dimensions: &[Dimension],
    faults: &mut Faults,
) -> Option<Top> {
    let said = raw_query.top.as_ref()?;
    let count = said.count.as_ref().and_then(|said| said.text.parse::<usize>().ok());
    let count = count.filter(|count| (1..=MAX_TOP).contains(count));
    if count.is_none() {
        let (at, detail) = match &said.count {
            Some(count) => (&count.at, format!("The number of groups must be a whole number from 1 to {MAX_TOP}.")),
            None => (
                &said.at,
                format!(
                    "`top` must say how many groups are shown, from 1 to {MAX_TOP}; the other settings of `top` need it."
                ),
            ),
        };
        faults.note(at, "invalid_count", detail);
    }
    let dimension = match &said.dimension {
        None if dimensions.len() == 1 => dimensions.first().copied(),
        None => {
            let detail = if dimensions.is_empty() {
                "`top` shows the greatest groups of a dimension: name one in `dimensions`."
            } else {
                "With several dimensions, `top_dimension` (in a body `top.dimension`) must name the one whose greatest groups are shown."
            };
            faults.note(&said.at, "missing_dimension", detail);
            None
        }
        Some(named) => {
            let found = dimensions.iter().copied().find(|dimension| dimension.as_str() == named.text);
            if found.is_none() {
                let known = dimensions.iter().map(|dimension| dimension.as_str());
                faults.note_unknown(&named.at, "not_a_dimension_of_the_question", &named.text, known);
            }
            found
        }
    };
    let by = match &said.by {
        None => metrics.first().copied(),
        Some(named) => {
            let found = metrics.iter().copied().find(|metric| metric.id == named.text);
            if found.is_none() {
                let known = metrics.iter().map(|metric| metric.id);
                faults.note_unknown(&named.at, "not_a_metric_of_the_question", &named.text, known);
            }
            found
        }
    };
    check_rest(raw_query, metrics, dimension?, faults);
    let includes_missing = said.includes_missing.as_ref().is_some_and(|said| flag(said, faults));
    Some(Top { dimension: dimension?, by: by?, count: count?, includes_missing })
}

/// Refuses metrics that cannot be computed for all other groups as one.
fn check_rest(raw_query: &RawQuery, metrics: &[&'static Metric], dimension: Dimension, faults: &mut Faults) {
    let name = dimension.as_str();
    let cannot = |metric: &&&Metric| metric.overlaps_in(dimension) || !is_filterable(dimension) && !metric.adds_up();
    for metric in metrics.iter().filter(cannot) {
        let detail = format!(
            "`{}` has no value for all other groups of `{name}` as one: its groups do not add up. Omit `top`.",
            metric.id
        );
        let at = raw_query.top.as_ref().map_or_else(|| raw_query.location("top"), |said| said.at.clone());
        faults.note(&at, "rest_not_possible", detail);
    }
}
