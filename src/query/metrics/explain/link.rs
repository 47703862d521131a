//! The way from a figure to the rows behind it: an address that repeats the question.
//!
//! Given once with an answer, as a template (RFC 6570), and filled in for a figure that is explained. The only place
//! here that knows an address, so that whoever has a figure need not put it together.

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::SecondsFormat;

use crate::query::calendar::in_zone;
use crate::query::catalog::Source;
use crate::query::metrics::MetricQuery;
use crate::query::metrics::attribution::Attribution;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::filter::{Condition, Test, is_filterable};
use crate::query::metrics::group::{Fold, Member};

/// The template of the rows behind any figure of the answer to `query`.
pub fn template(query: &MetricQuery) -> String {
    format!("/v1/metrics/rows?{}{{&metrics,from,to,group}}", choice(query))
}

/// The same of what is not shown by itself; `None`: there is no condition that says it.
pub(in crate::query::metrics) fn template_of_rest(
    query: &MetricQuery,
    fold: &Fold,
    sources: &[&Source],
) -> Option<String> {
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

/// The address of the rows behind one figure.
pub(super) fn of(subject: &Subject<'_>) -> String {
    if let Some(list) = subject.metric.rows.listed_at() {
        return list.to_owned();
    }
    let (zone, range) = (subject.query.zone, subject.query.range);
    let group: serde_json::Map<String, serde_json::Value> =
        subject.group.iter().map(|(dimension, value)| (dimension.as_str().to_owned(), value.clone().into())).collect();
    let mut text = format!("/v1/metrics/rows?{}", choice(&subject.query));
    push(&mut text, "metrics", subject.metric.id);
    push(&mut text, "from", &in_zone(zone, range.from));
    push(&mut text, "to", &in_zone(zone, range.to));
    if !group.is_empty() {
        push(&mut text, "group", &serde_json::Value::Object(group).to_string());
    }
    text
}

/// What all figures of a question have in common.
fn choice(query: &MetricQuery) -> String {
    let filter = &query.filter;
    let mut text = format!("zone={}", encoded(query.zone.name()));
    for (name, values) in [("provider", &filter.sources.providers), ("source", &filter.sources.sources)] {
        if !values.is_empty() {
            push(&mut text, name, &listed(values));
        }
    }
    let (mut missing, mut present) = (Vec::new(), Vec::new());
    for Condition { field, test } in &filter.conditions {
        match test {
            Test::In(values) => push(&mut text, field.as_str(), &listed(values)),
            Test::NotIn(values) => push(&mut text, &format!("{}_not", field.as_str()), &listed(values)),
            Test::IsNull => missing.push(field.as_str()),
            Test::IsNotNull => present.push(field.as_str()),
        }
    }
    for (name, fields) in [("missing", missing), ("present", present)] {
        if !fields.is_empty() {
            push(&mut text, name, &fields.join(","));
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

/// Values as a comma list, or, where that would say something else, as a JSON array.
fn listed(values: &[String]) -> String {
    let is_plain =
        |value: &String| value.trim() == value && !value.is_empty() && !value.contains(',') && !value.starts_with('[');
    if values.iter().all(is_plain) { values.join(",") } else { serde_json::json!(values).to_string() }
}

fn push(text: &mut String, name: &str, value: &str) {
    // writing into a text cannot fail
    let _ = write!(text, "&{name}={}", encoded(value));
}

/// Percent-encoded, all but what no address gives a meaning.
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
