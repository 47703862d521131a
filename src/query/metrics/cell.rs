//! What one figure may claim.
//!
//! Zero, unknown and not applicable are three things. A figure is 0 only where every stream that feeds it
//! is complete past the end of its bucket; what is known so far is given otherwise, and null with a reason
//! where nothing is. Providers without the notion add nothing and make nothing unknown.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::query::catalog::Source;
use crate::query::metrics::answer::Value;
use crate::query::metrics::registry::{Additivity, Applicability, LOW_SAMPLE, Metric};
use crate::query::metrics::scan::Sums;
use crate::query::metrics::status::BucketStatus;
use crate::query::number::Number;
use crate::query::range::TimeRange;

/// The figure of a metric in a bucket: `feeding` are the sources behind it, `sums` what each of them added,
/// `along_time` what was read for all of them along time.
pub fn value<'a>(
    metric: &Metric,
    feeding: &[&'a Source],
    sums: impl Iterator<Item = (i32, Sums)>,
    along_time: Option<Decimal>,
    bucket: TimeRange,
    now: DateTime<Utc>,
) -> Value {
    let is = |wanted: Applicability| move |source: &&'a Source| metric.needs.of(source) == wanted;
    let applicable: Vec<&Source> = feeding.iter().copied().filter(is(Applicability::Applicable)).collect();
    if applicable.is_empty() {
        let has = |wanted| feeding.iter().any(is(wanted));
        return Value::missing(match metric.needs {
            _ if has(Applicability::NotFetched) => "not_fetched",
            _ if has(Applicability::NotConfigured) => metric.needs.not_fetched().0,
            _ => "not_applicable",
        });
    }
    let mut total = Sums::default();
    for (_, sums) in sums.filter(|(id, _)| applicable.iter().any(|source| source.source_id == *id)) {
        total.add(sums);
    }
    if let Some(value) = along_time.filter(|_| metric.additivity.is_along_time()) {
        // nobody there, beside some of whom nothing is known, is no zero
        total.add(Sums { value, known: value.min(Decimal::ONE), unknown: 0 });
    }
    let status = BucketStatus::of(&proving(&applicable), bucket, now);
    let figure = match metric.additivity {
        Additivity::Sum
        | Additivity::Maximum
        | Additivity::TimeAverage
        | Additivity::StateAsOf
        | Additivity::Distinct => sum(total, status),
        Additivity::RatioOfSums => ratio(total, status),
        Additivity::Percentile => percentile(total, status),
        // of what was never asked for nobody can be late
        Additivity::MaximumAsOf if status == BucketStatus::BeforeHistory => Value::missing(status.as_str()),
        Additivity::MaximumAsOf => measured(total, status),
    };
    Value { unknown_count: Some(total.unknown).filter(|count| *count > 0), ..figure }
}

/// The sources whose completeness counts: those still polled, if there are any.
pub fn proving<'a>(feeding: &[&'a Source]) -> Vec<&'a Source> {
    let enabled: Vec<&Source> = feeding.iter().copied().filter(|source| source.is_enabled).collect();
    if enabled.is_empty() { feeding.to_vec() } else { enabled }
}

fn sum(total: Sums, status: BucketStatus) -> Value {
    let is_complete = status == BucketStatus::Complete;
    if total.known.is_zero() && total.unknown > 0 {
        return Value::missing("unknown");
    }
    if total.value.is_zero() && !is_complete {
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

/// A value that a share of all values does not exceed.
fn percentile(total: Sums, status: BucketStatus) -> Value {
    let is_low = total.known < LOW_SAMPLE.into();
    let figure = measured(total, status);
    Value { low_sample: figure.value.and(is_low.then_some(true)), ..figure }
}

/// What can be zero wherever anything was measured, and is nothing elsewhere.
fn measured(total: Sums, status: BucketStatus) -> Value {
    match status {
        _ if !total.known.is_zero() => Value { value: Some(Number(total.value)), ..Value::default() },
        _ if total.unknown > 0 => Value::missing("unknown"),
        BucketStatus::Complete => Value::missing("no_data"),
        _ => Value::missing(status.as_str()),
    }
}
