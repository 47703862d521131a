//! Metric values as a table: a row for each bucket and group, a few columns for each metric.
//!
//! Beside a value are the reason for its absence (`_reason`) and the number of sessions of unknown value
//! (`_unknown_count`), since an empty cell alone could be zero, unknown or not applicable. A ratio shows both
//! its parts. Comparisons and top groups add columns where the query asks for them.

use chrono::DateTime;

use crate::api::formats::cell::{Cell, Field, Head, Kind};
use crate::query::metrics::answer::{Answer, MetricRow, TimeBucket};
use crate::query::metrics::measure::Additivity;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::value::{Change, Value};

/// Returns the columns and rows of an answer.
pub(crate) fn table(answer: &Answer, query: &MetricQuery) -> (Head, Vec<Vec<Cell>>) {
    let column = |name: &str, kind| (name.to_owned(), kind);
    let mut head = vec![
        column("bucket_start", Kind::Instant),
        column("bucket_end", Kind::Instant),
        column("bucket_status", Kind::Text),
    ];
    if query.comparison.is_some() {
        head.push(column("previous_bucket_start", Kind::Instant));
        head.push(column("previous_bucket_end", Kind::Instant));
        head.push(column("previous_bucket_status", Kind::Text));
    }
    head.extend(query.dimensions.iter().map(|dimension| column(dimension.as_str(), Kind::Text)));
    if query.top.is_some() {
        head.push(column("is_other", Kind::Boolean));
    }
    for metric in &query.metrics {
        let mut of_metric = |ending: &str, kind| head.push((format!("{}{ending}", metric.id), kind));
        of_metric("", Kind::Decimal);
        if metric.additivity() == Additivity::RatioOfSums {
            of_metric("_numerator", Kind::Decimal);
            of_metric("_denominator", Kind::Decimal);
        }
        of_metric("_unknown_count", Kind::Integer);
        of_metric("_reason", Kind::Text);
        if query.comparison.is_some() {
            of_metric("_previous", Kind::Decimal);
            of_metric("_previous_reason", Kind::Text);
            of_metric("_change", Kind::Decimal);
            of_metric("_change_ratio", Kind::Decimal);
        }
    }
    (head, answer.rows.iter().map(|row| cells(row, query)).collect())
}

fn cells(row: &MetricRow, query: &MetricQuery) -> Vec<Cell> {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).map_or(Cell::Null, Cell::Instant);
    let bucket = |bucket: &TimeBucket| {
        [instant(&bucket.start), instant(&bucket.end), Cell::Text(bucket.status.as_str().to_owned())]
    };
    let mut cells = Vec::from(bucket(&row.bucket));
    if query.comparison.is_some() {
        cells.extend(row.previous_bucket.as_ref().map_or([Cell::Null, Cell::Null, Cell::Null], bucket));
    }
    let group = query.dimensions.iter().map(|dimension| row.dimensions.get(dimension.as_str()).cloned().flatten());
    cells.extend(group.map(|value| value.cell()));
    if query.top.is_some() {
        cells.push(row.is_other.cell());
    }
    let (none, unchanged) = (Value::default(), Change::default());
    for metric in &query.metrics {
        let value = row.values.get(metric.id).unwrap_or(&none);
        cells.push(value.value.cell());
        if metric.additivity() == Additivity::RatioOfSums {
            cells.extend([value.numerator.cell(), value.denominator.cell()]);
        }
        cells.extend([value.unknown_count.cell(), value.reason.cell()]);
        if query.comparison.is_some() {
            let change = value.comparison.as_ref().unwrap_or(&unchanged);
            cells.extend([change.previous.cell(), change.previous_reason.cell()]);
            cells.extend([change.change.cell(), change.change_ratio.cell()]);
        }
    }
    cells
}
