//! The way from a figure to the rows behind it: an address that repeats the question.
//!
//! Given once with an answer, as a template (RFC 6570), and filled in for a figure that is explained. The only place
//! here that knows an address, so that whoever has a figure need not put it together.

use std::fmt::Write;

use chrono::SecondsFormat;

use crate::query::calendar::in_zone;
use crate::query::metrics::MetricQuery;
use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::filter::{Condition, Test};

/// The template of the rows behind any figure of the answer to `query`.
pub fn template(query: &MetricQuery) -> String {
    format!("/v1/metrics/rows?{}{{&metric,from,to,group}}", choice(query))
}

/// The address of the rows behind one figure.
pub(super) fn of(subject: &Subject<'_>) -> String {
    let (zone, range) = (subject.query.zone, subject.query.range);
    let group: serde_json::Map<String, serde_json::Value> =
        subject.group.iter().map(|(dimension, value)| (dimension.as_str().to_owned(), value.clone().into())).collect();
    let mut text = format!("/v1/metrics/rows?{}", choice(&subject.query));
    push(&mut text, "metric", subject.metric.id);
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
    let sources = [("provider", &filter.sources.providers), ("source", &filter.sources.sources)];
    for (name, values) in sources.into_iter().filter(|(_, values)| !values.is_empty()) {
        push(&mut text, name, &values.join(","));
    }
    let (mut missing, mut present) = (Vec::new(), Vec::new());
    for Condition { field, test } in &filter.conditions {
        match test {
            Test::In(values) => push(&mut text, field.as_str(), &values.join(",")),
            Test::NotIn(values) => push(&mut text, &format!("{}_not", field.as_str()), &values.join(",")),
            Test::IsNull => missing.push(field.as_str()),
            Test::IsNotNull => present.push(field.as_str()),
        }
    }
    for (name, fields) in [("missing", missing), ("present", present)].iter().filter(|(_, fields)| !fields.is_empty()) {
        push(&mut text, name, &fields.join(","));
    }
    if filter.includes_deleted {
        push(&mut text, "include_deleted", "true");
    }
    if let Some(at) = query.as_known_at {
        push(&mut text, "as_known_at", &at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    text
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
