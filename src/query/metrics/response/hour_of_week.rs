//! Metric values by hour of the week: consecutive hours, combined by weekday and hour.
//!
//! The calendar of the zone decides how often an hour of the week occurs, and clock changes leave out or repeat some
//! hours. So an average is weighted by the elapsed time, and the number of hours behind it is reported. Hours that
//! are not known yet are counted separately and are in no value.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Timelike, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::measure::Additivity;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::response::answer::Answer;
use crate::query::metrics::response::value::{Figure, Value};
use crate::query::number::Number;

/// One hour of the week of one group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HourOfWeek {
    /// The group: one value for each requested dimension, with `local_weekday` (1 is Monday) and `local_hour` (00 to
    /// 23) in the spelling of these dimensions.
    pub dimensions: BTreeMap<&'static str, Option<String>>,
    /// Number of times the hour occurred in the range so far.
    pub hour_count: u32,
    /// Number of these that are proven complete.
    pub complete_hour_count: u32,
    /// `complete`, or the status of the first of these hours that is not.
    pub status: BucketStatus,
    /// Metric → value: the highest of a peak, the time-weighted mean of an average.
    pub values: BTreeMap<&'static str, Figure>,
}

#[derive(Default)]
struct Laid {
    hour_count: u32,
    complete_hour_count: u32,
    incomplete: Option<BucketStatus>,
    /// By metric: the highest value, the sum over time, the time, and why there is no value.
    figures: BTreeMap<&'static str, Folded>,
}

#[derive(Default)]
struct Folded {
    highest: Option<Decimal>,
    sum: Decimal,
    seconds: Decimal,
    unknown_count: i64,
    reason: Option<&'static str>,
}

/// Combines the rows of an hourly answer by hour of the week, at `now`.
pub fn by_hour_of_week(query: &MetricQuery, answer: &Answer, now: DateTime<Utc>) -> Vec<HourOfWeek> {
    type HourKey = (Vec<(bool, Option<String>)>, u32, u32);
    let groups = answer.rows.len() / query.buckets.len().max(1);
    let mut laid: BTreeMap<HourKey, Laid> = BTreeMap::new();
    for (place, row) in answer.rows.iter().enumerate() {
        // Rows are ordered by bucket, and each bucket has every group.
        let Some(bucket) = query.buckets.get(place / groups.max(1)).filter(|bucket| bucket.from < now) else {
            continue;
        };
        let local = bucket.from.with_timezone(&query.zone);
        let group = query.dimensions.iter().map(|dimension| row.dimensions.get(dimension.as_str()).cloned().flatten());
        let group = group.map(|value| (value.is_none(), value)).collect();
        let cell = laid.entry((group, local.weekday().number_from_monday(), local.hour())).or_default();
        cell.hour_count += 1;
        cell.complete_hour_count += u32::from(row.bucket.status == BucketStatus::Complete);
        let is_incomplete = row.bucket.status != BucketStatus::Complete;
        cell.incomplete = cell.incomplete.or(is_incomplete.then_some(row.bucket.status));
        let seconds = Decimal::from((bucket.to.min(now) - bucket.from).num_seconds());
        for (id, value) in &row.values {
            let figure = cell.figures.entry(id).or_default();
            figure.unknown_count += value.unknown_count.unwrap_or(0);
            match value.value {
                Some(Number(value)) => {
                    figure.highest = figure.highest.max(Some(value));
                    figure.sum = figure.sum.saturating_add(value.saturating_mul(seconds));
                    figure.seconds = figure.seconds.saturating_add(seconds);
                }
                None => figure.reason = figure.reason.or(value.reason),
            }
        }
    }
    let hours = laid.into_iter().map(|((group, weekday, hour), cell)| HourOfWeek {
        dimensions: query
            .dimensions
            .iter()
            .map(|d| d.as_str())
            .zip(group.into_iter().map(|(_, value)| value))
            .chain([
                (Dimension::LocalWeekday.as_str(), Some(weekday.to_string())),
                (Dimension::LocalHour.as_str(), Some(format!("{hour:02}"))),
            ])
            .collect(),
        hour_count: cell.hour_count,
        complete_hour_count: cell.complete_hour_count,
        status: cell.incomplete.unwrap_or(BucketStatus::Complete),
        values: cell.figures.into_iter().map(|(id, figure)| (id, figure.value(query, id))).collect(),
    });
    hours.collect()
}

impl Folded {
    fn value(self, query: &MetricQuery, id: &str) -> Value {
        let is_average = query.metrics.iter().any(|m| m.id == id && m.additivity() == Additivity::TimeAverage);
        let average = || Number::ratio(self.sum, self.seconds);
        let value = if is_average { average() } else { self.highest.map(Number) };
        Value {
            value,
            unknown_count: Some(self.unknown_count).filter(|count| *count > 0),
            reason: self.reason.filter(|_| value.is_none()),
            ..Value::default()
        }
    }
}
