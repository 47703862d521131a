//! Rules for zero, null and its reasons in a metric value.
//!
//! Zero, unknown and not applicable are three different things. A sum without rows is 0 only if every stream behind it
//! is proven over the whole bucket, or so far in a bucket in progress. Otherwise the value known so far is returned, or
//! null with a reason if nothing is known. Sources to which the metric does not apply add nothing and make nothing
//! unknown. `registry/` states the rows that each metric knows, and its rule in words.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::query::catalog::Source;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::response::value::Value;
use crate::query::metrics::run::Sums;
use crate::query::number::Number;
use crate::query::range::TimeRange;

/// A percentile of fewer values is marked.
const LOW_SAMPLE: i64 = 20;

/// Returns the value of a metric in a bucket. `feeding` are the sources behind it, `sums` is the part of each,
/// `along_time` is the value over time that was read for all of them together.
pub(crate) fn value<'a>(
    metric: &Metric,
    feeding: &[&'a Source],
    sums: impl Iterator<Item = (i32, Sums)>,
    along_time: Option<Decimal>,
    bucket: TimeRange,
    now: DateTime<Utc>,
) -> Value {
    let is = |wanted: Applicability| move |source: &&'a Source| metric.requires.of(source) == wanted;
    let applicable: Vec<&Source> = feeding.iter().copied().filter(is(Applicability::Applicable)).collect();
    if applicable.is_empty() {
        let has = |wanted| feeding.iter().any(is(wanted));
        return Value::missing(match metric.requires {
            _ if has(Applicability::NotFetched) => "not_fetched",
            _ if has(Applicability::NotConfigured) => metric.requires.not_fetched().0,
            _ => "not_applicable",
        });
    }
    let mut total = Sums::default();
    for (_, sums) in sums.filter(|(id, _)| applicable.iter().any(|source| source.source_id == *id)) {
        total.add(sums);
    }
    if let Some(value) = along_time.filter(|_| metric.is_along_time()) {
        // A peak of 0 beside sessions of unknown attendance is unknown, not 0.
        total.add(Sums { value, known: value.min(Decimal::ONE), unknown: 0 });
    }
    let status = BucketStatus::of(&proving(&applicable), bucket, now);
    let figure = match metric.additivity() {
        Additivity::Sum
        | Additivity::Maximum
        | Additivity::TimeAverage
        | Additivity::StateAsOf
        | Additivity::Distinct => sum(total, status),
        Additivity::RatioOfSums => ratio(total, status),
        Additivity::Percentile => percentile(total, status),
        // A time before the history has no late data, so it gives no value.
        Additivity::MaximumAsOf if status == BucketStatus::BeforeHistory => Value::missing(status.as_str()),
        Additivity::MaximumAsOf => measured(total, status),
    };
    Value { unknown_count: Some(total.unknown).filter(|count| *count > 0), ..figure }
}

/// Returns the sources whose completeness counts: the enabled ones, if there are any.
pub(crate) fn proving<'a>(feeding: &[&'a Source]) -> Vec<&'a Source> {
    let enabled: Vec<&Source> = feeding.iter().copied().filter(|source| source.is_enabled).collect();
    if enabled.is_empty() { feeding.to_vec() } else { enabled }
}

fn sum(total: Sums, status: BucketStatus) -> Value {
    let can_be_zero = matches!(status, BucketStatus::Complete | BucketStatus::InProgress);
    if total.known.is_zero() && total.unknown > 0 {
        return Value::missing("unknown");
    }
    if total.value.is_zero() && !can_be_zero {
        return Value::missing(status.as_str());
    }
    Value { value: Some(Number(total.value)), ..Value::default() }
}

fn ratio(total: Sums, status: BucketStatus) -> Value {
    let parts = |figure: Value| Value {
        numerator: Some(Number(total.value)),
        denominator: Some(Number(total.known)),
        ..figure
    };
    match Number::ratio(total.value, total.known) {
        Some(ratio) => parts(Value { value: Some(ratio), ..Value::default() }),
        None if total.unknown > 0 => Value::missing("unknown"),
        None if status == BucketStatus::Complete => parts(Value::missing("no_data")),
        None => Value::missing(status.as_str()),
    }
}

/// Returns the value of a percentile.
fn percentile(total: Sums, status: BucketStatus) -> Value {
    let is_low = total.known < LOW_SAMPLE.into();
    let figure = measured(total, status);
    Value { low_sample: figure.value.and(is_low.then_some(true)), ..figure }
}

/// Returns a value that can be zero if anything was measured, and null otherwise.
fn measured(total: Sums, status: BucketStatus) -> Value {
    match status {
        _ if !total.known.is_zero() => Value { value: Some(Number(total.value)), ..Value::default() },
        _ if total.unknown > 0 => Value::missing("unknown"),
        BucketStatus::Complete => Value::missing("no_data"),
        _ => Value::missing(status.as_str()),
    }
}
