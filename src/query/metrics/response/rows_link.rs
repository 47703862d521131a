//! Links from a metric value to the rows behind it: a URL that repeats the request.
//!
//! An answer has one link, as a template (RFC 6570); an explained value has it filled in. Only this module knows the
//! URL, so that callers need not build it.

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::SecondsFormat;

use crate::query::calendar::in_zone;
use crate::query::catalog::Source;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::{Condition, Test, is_filterable};
use crate::query::metrics::fold::group::{Fold, Member};
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::time_column::Attribution;

/// Returns the link template for all values of the answer to `query`.
pub(crate) fn template(query: &MetricQuery) -> String {
    format!("/v1/metrics/rows?{}{{&metrics,from,to,group}}", choice(query))
}

/// Returns the link template for the groups that are not shown separately; `None` if no condition selects them.
pub(crate) fn template_of_rest(query: &MetricQuery, fold: &Fold, sources: &[&Source]) -> Option<String> {
    let mut query = query.clone();
    let is_kept = |name: &String| fold.kept.contains_key(&Member::Named(name.clone()));
    let others = |name: fn(&Source) -> &String| {
        let names: BTreeSet<String> = sources.iter().map(|source| name(source).clone()).collect();
        names.into_iter().filter(|name| !is_kept(name)).collect::<Vec<String>>()
    };
    match fold.dimension {
        Dimension::Provider => query.filter.sources.providers = others(|source| &source.provider),
        Dimension::Source => query.filter.sources.sources = others(|source| &source.source),
        field if !is_filterable(field) => return None,
        field => {
            let kept: Vec<String> = fold.kept.keys().filter_map(Member::shown).collect();
            if !kept.is_empty() {
                query.filter.conditions.push(Condition { field, test: Test::NotIn(kept) });
            }
            if fold.kept.contains_key(&Member::Nothing) {
                query.filter.conditions.push(Condition { field, test: Test::IsNotNull });
            }
        }
    }
    Some(template(&query))
}

/// Returns the link to the rows behind the value of one metric and group over the range of `query`.
pub(crate) fn of(query: &MetricQuery, metric: &Metric, group: &[(Dimension, Option<String>)]) -> String {
    if let Some(list) = metric.grain.listed_at() {
        return list.to_owned();
    }
    let (zone, range) = (query.zone, query.range);
    let group: serde_json::Map<String, serde_json::Value> =
        group.iter().map(|(dimension, value)| (dimension.as_str().to_owned(), value.clone().into())).collect();
    let mut text = format!("/v1/metrics/rows?{}", choice(query));
    push(&mut text, "metrics", metric.id);
    push(&mut text, "from", &in_zone(zone, range.from));
    push(&mut text, "to", &in_zone(zone, range.to));
    if !group.is_empty() {
        push(&mut text, "group", &serde_json::Value::Object(group).to_string());
    }
    text
}

/// Returns the query parameters that all values of a request share.
fn choice(query: &MetricQuery) -> String {
    let filter = &query.filter;
    let mut text = format!("zone={}", encoded(query.zone.name()));
    for (name, values) in [("provider", &filter.sources.providers), ("source", &filter.sources.sources)] {
        if !values.is_empty() {
            push(&mut text, name, &listed(values));
        }
    }
    let (mut missing, mut present) = (Vec::new(), Vec::new());
    let (mut contained, mut started) = (serde_json::Map::new(), serde_json::Map::new());
    for Condition { field, test } in &filter.conditions {
        match test {
            Test::In(values) => push(&mut text, field.as_str(), &listed(values)),
            Test::NotIn(values) => push(&mut text, &format!("{}_not", field.as_str()), &listed(values)),
            Test::IsNull => missing.push(field.as_str()),
            Test::IsNotNull => present.push(field.as_str()),
            Test::Contains(parts) => _ = contained.insert(field.as_str().to_owned(), parts.clone().into()),
            Test::StartsWith(parts) => _ = started.insert(field.as_str().to_owned(), parts.clone().into()),
        }
    }
    for (name, fields) in [("missing", missing), ("present", present)] {
        if !fields.is_empty() {
            push(&mut text, name, &fields.join(","));
        }
    }
    for (name, fields) in [("contains", contained), ("starts_with", started)] {
        if !fields.is_empty() {
            push(&mut text, name, &serde_json::Value::Object(fields).to_string());
        }
    }
    if filter.includes_deleted {
        push(&mut text, "include_deleted", "true");
    }
    if query.attribution != Attribution::default() {
        push(&mut text, "attribution", query.attribution.as_str());
    }
    if let Some(at) = query.as_known_at {
        push(&mut text, "as_known_at", &at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    text
}

/// Returns values as a comma-separated list or, if that would be ambiguous, as a JSON array.
fn listed(values: &[String]) -> String {
    let is_plain =
        |value: &String| value.trim() == value && !value.is_empty() && !value.contains(',') && !value.starts_with('[');
    if values.iter().all(is_plain) { values.join(",") } else { serde_json::json!(values).to_string() }
}

fn push(text: &mut String, name: &str, value: &str) {
    // Writing to a `String` cannot fail.
    let _ = write!(text, "&{name}={}", encoded(value));
}

/// Percent-encodes a value, except characters without a special meaning in a query string.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
