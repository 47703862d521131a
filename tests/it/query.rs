//! Metric values, computed by hand: a file for each kind of value, and one for each rule that all values share.
//!
//! Most are queried over `/v1/metrics/query`, on the worlds of `harness::router`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod as_of;
mod attribution;
pub(crate) mod buckets;
mod chats;
mod closed_hours;
mod comparison;
mod concurrency;
mod costs;
mod drivers;
pub(crate) mod every_metric;
mod groups;
mod meetings;
mod missing_fields;
mod missing_times;
mod narrow_sessions;
mod null_rules;
mod people;
mod polling_metrics;
mod published;
mod sample_records;
mod session_ends;
mod talk_share;
mod zones;

use crate::harness::router::*;

const DAYS: &str = "granularity=day&from=2026-11-16&to=2026-11-18&zone=UTC";

fn value(answer: &Value, group: &Value, day: &str, metric: &str) -> Value {
    row(answer, group, day)["values"][metric].clone()
}

/// Queries each metric of a table, ten at a time, and compares the totals.
async fn expect(api: &Api, choice: &str, table: &[(&str, Value)]) {
    for part in table.chunks(10) {
        let metrics: Vec<&str> = part.iter().map(|(id, _)| *id).collect();
        let answer = api.get(&format!("/v1/metrics/query?metrics={}&{choice}", metrics.join(","))).await;
        for (id, expected) in part {
            assert_eq!(&answer["totals"][id], expected, "{id}");
        }
    }
}

fn known(value: impl Into<Value>) -> Value {
    json!({"value": value.into()})
}

fn partly(value: impl Into<Value>, unknown: i64) -> Value {
    json!({"value": value.into(), "unknown_count": unknown})
}

/// A preliminary zero: the range is not over.
fn none_so_far(unknown: i64) -> Value {
    json!({"value": 0, "unknown_count": unknown})
}

fn ratio(value: impl Into<Value>, numerator: impl Into<Value>, denominator: impl Into<Value>, unknown: i64) -> Value {
    let mut figure = json!({"value": value.into(), "numerator": numerator.into(), "denominator": denominator.into()});
    if unknown > 0 {
        figure["unknown_count"] = json!(unknown);
    }
    figure
}

fn of_few(value: impl Into<Value>, unknown: i64) -> Value {
    let mut figure = json!({"value": value.into(), "low_sample": true});
    if unknown > 0 {
        figure["unknown_count"] = json!(unknown);
    }
    figure
}
