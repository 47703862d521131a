//! Metric values as a table: a row for each bucket and group, a few columns for each metric.
//!
//! Beside a value are the reason for its absence (`_reason`) and the number of sessions of unknown value
//! (`_unknown_count`), since an empty cell alone could be zero, unknown or not applicable. A ratio shows both
//! its parts. Comparisons and top groups add columns where the query asks for them. A row of the previous period that
//! no bucket is compared with has a previous bucket alone.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use rust_decimal::prelude::ToPrimitive;

use crate::api::formats::cell::{Cell, Field, Head, Kind, LOCAL_DATE};
use crate::query::metrics::answer::{Answer, MetricRow, TimeBucket, UnmatchedRow};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::measure::{Measure, Metric, Term};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::time_column::Attribution;
use crate::query::metrics::value::{Change, Value};
use crate::query::number::Number;

/// Columns of the bucket of a row.
const BUCKET_COLUMNS: usize = 5;

/// Returns the columns and rows of an answer.
pub(crate) fn table(answer: &Answer, query: &MetricQuery) -> (Head, Vec<Vec<Cell>>) {
    let column = |name: &str, kind| (name.to_owned(), kind);
    let mut head = vec![
        column("bucket_start", Kind::Instant),
        column(LOCAL_DATE, Kind::Date),
        column("bucket_end", Kind::Instant),
        column("bucket_status", Kind::Text),
        column("bucket_is_partial", Kind::Boolean),
    ];
    if query.comparison.is_some() {
        head.push(column("previous_bucket_start", Kind::Instant));
        head.push(column("previous_bucket_end", Kind::Instant));
        head.push(column("previous_bucket_status", Kind::Text));
    }
    for dimension in &query.dimensions {
        head.push(column(dimension.as_str(), Kind::Text));
        if titles_of(answer, *dimension).is_some() {
            head.push(column("meeting_title", Kind::Text));
        }
    }
    if query.top.is_some() {
        head.push(column("is_other", Kind::Boolean));
    }
    for metric in &query.metrics {
        let mut of_metric = |ending: &str, kind| head.push((format!("{}{ending}", metric.id), kind));
        let whole = kind(is_count(query, metric));
        of_metric("", whole);
        if let Measure::Ratio(above, below) = metric.measure {
            of_metric("_numerator", kind(is_of_rows(above)));
            of_metric("_denominator", kind(is_of_rows(below)));
        }
        of_metric("_unknown_count", Kind::Integer);
        of_metric("_reason", Kind::Text);
        if query.comparison.is_some() {
            of_metric("_previous", whole);
            of_metric("_previous_reason", Kind::Text);
            of_metric("_change", whole);
            of_metric("_change_ratio", Kind::Decimal);
        }
    }
    let unmatched = answer.unmatched_previous.iter().map(|row| unmatched_cells(row, query, answer));
    (head, answer.rows.iter().map(|row| cells(row, query, answer)).chain(unmatched).collect())
}

/// Returns the titles of the values of a dimension, if the answer has them.
fn titles_of(answer: &Answer, dimension: Dimension) -> Option<&BTreeMap<String, String>> {
    answer.titles.as_ref()?.get(dimension.as_str())
}

fn kind(is_count: bool) -> Kind {
    if is_count { Kind::Integer } else { Kind::Decimal }
}

/// Units of which there are only whole ones.
const COUNTED_UNITS: [&str; 4] = ["messages", "words", "turns", "steps"];

/// Returns whether all values are whole numbers. A session that is spread over buckets counts in parts.
fn is_count(query: &MetricQuery, metric: &Metric) -> bool {
    let is_whole = match metric.measure {
        Measure::Total(Term::Sum(_)) => COUNTED_UNITS.contains(&metric.unit),
        Measure::Total(term) => is_of_rows(term),
        Measure::Distinct(..) | Measure::State(_) | Measure::Peak => true,
        Measure::Ratio(..) | Measure::Percentile(..) | Measure::Greatest(_) | Measure::TimeAverage => false,
    };
    is_whole && !(metric.can_be_spread && query.attribution == Attribution::Spread)
}

fn is_of_rows(term: Term) -> bool {
    matches!(term, Term::Rows | Term::RowsIf(_))
}

fn number(value: Option<Number>, is_count: bool) -> Cell {
    match value {
        Some(Number(value)) if is_count => value.round().to_i64().map_or(Cell::Null, Cell::Integer),
        value => value.cell(),
    }
}

fn read(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}

fn bucket_cells(bucket: &TimeBucket) -> [Cell; 3] {
    let instant = |text: &str| read(text).map_or(Cell::Null, |at| Cell::Instant(at.to_utc().fixed_offset()));
    [instant(&bucket.start), instant(&bucket.end), Cell::Text(bucket.status.as_str().to_owned())]
}

/// Returns the cells of a group, and whether it stands for all others.
fn group_cells(
    group: &BTreeMap<&'static str, Option<String>>,
    is_other: bool,
    query: &MetricQuery,
    answer: &Answer,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for dimension in &query.dimensions {
        let value = group.get(dimension.as_str()).cloned().flatten();
        let title = titles_of(answer, *dimension).map(|titles| value.as_ref().and_then(|value| titles.get(value)));
        cells.push(value.clone().cell());
        cells.extend(title.map(|title| title.cloned().cell()));
    }
    cells.extend(query.top.map(|_| is_other.cell()));
    cells
}

fn cells(row: &MetricRow, query: &MetricQuery, answer: &Answer) -> Vec<Cell> {
    let mut cells = Vec::from(bucket_cells(&row.bucket));
    // a bucket's start has the offset of the zone
    cells.insert(1, read(&row.bucket.start).map_or(Cell::Null, |at| Cell::Date(at.date_naive())));
    cells.push(row.bucket.is_partial.cell());
    if query.comparison.is_some() {
        cells.extend(row.previous_bucket.as_ref().map_or([Cell::Null, Cell::Null, Cell::Null], bucket_cells));
    }
    cells.extend(group_cells(&row.dimensions, row.is_other, query, answer));
    let (none, unchanged) = (Value::default(), Change::default());
    for metric in &query.metrics {
        let value = row.values.get(metric.id).unwrap_or(&none);
        let change = query.comparison.as_ref().map(|_| value.comparison.as_ref().unwrap_or(&unchanged));
        cells.extend(value_cells(value, change, metric, query));
    }
    cells
}

/// Returns the cells of a row that has no bucket of the range, and so previous values alone.
fn unmatched_cells(row: &UnmatchedRow, query: &MetricQuery, answer: &Answer) -> Vec<Cell> {
    let mut cells: Vec<Cell> = std::iter::repeat_with(|| Cell::Null).take(BUCKET_COLUMNS).collect();
    cells.extend(bucket_cells(&row.previous_bucket));
    cells.extend(group_cells(&row.dimensions, row.is_other, query, answer));
    let none = Value::default();
    for metric in &query.metrics {
        let value = row.values.get(metric.id).unwrap_or(&none);
        let previous = Change { previous: value.value, previous_reason: value.reason, ..Change::default() };
        cells.extend(value_cells(&none, Some(&previous), metric, query));
    }
    cells
}

/// Returns the cells of a value and, with a comparison, of its change.
fn value_cells(value: &Value, change: Option<&Change>, metric: &Metric, query: &MetricQuery) -> Vec<Cell> {
    let is_count = is_count(query, metric);
    let mut cells = vec![number(value.value, is_count)];
    if let Measure::Ratio(above, below) = metric.measure {
        cells.extend([number(value.numerator, is_of_rows(above)), number(value.denominator, is_of_rows(below))]);
    }
    cells.extend([value.unknown_count.cell(), value.reason.cell()]);
    if let Some(change) = change {
        cells.extend([number(change.previous, is_count), change.previous_reason.cell()]);
        cells.extend([number(change.change, is_count), change.change_ratio.cell()]);
    }
    cells
}
