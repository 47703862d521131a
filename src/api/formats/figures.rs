//! Metric values as a table: a row for each bucket and group, a few columns for each metric.
//!
//! Beside a value are the reason for its absence (`_reason`) and the number of sessions of unknown value
//! (`_unknown_count`), since an empty cell alone could be zero, unknown or not applicable. A ratio shows both
//! its parts. Comparisons and top groups add columns where the query asks for them.

use chrono::DateTime;
use rust_decimal::prelude::ToPrimitive;

use crate::api::formats::cell::{Cell, Field, Head, Kind, LOCAL_DATE};
use crate::query::metrics::answer::{Answer, MetricRow, TimeBucket};
use crate::query::metrics::measure::{Measure, Metric, Term};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::time_column::Attribution;
use crate::query::metrics::value::{Change, Value};
use crate::query::number::Number;

/// Returns the columns and rows of an answer.
pub(crate) fn table(answer: &Answer, query: &MetricQuery) -> (Head, Vec<Vec<Cell>>) {
    let column = |name: &str, kind| (name.to_owned(), kind);
    let mut head = vec![
        column("bucket_start", Kind::Instant),
        column(LOCAL_DATE, Kind::Date),
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
    (head, answer.rows.iter().map(|row| cells(row, query)).collect())
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

fn cells(row: &MetricRow, query: &MetricQuery) -> Vec<Cell> {
    let read = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let instant = |text: &str| read(text).map_or(Cell::Null, |at| Cell::Instant(at.to_utc().fixed_offset()));
    let bucket = |bucket: &TimeBucket| {
        [instant(&bucket.start), instant(&bucket.end), Cell::Text(bucket.status.as_str().to_owned())]
    };
    let mut cells = Vec::from(bucket(&row.bucket));
    // a bucket's start has the offset of the zone
    cells.insert(1, read(&row.bucket.start).map_or(Cell::Null, |at| Cell::Date(at.date_naive())));
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
        let is_count = is_count(query, metric);
        cells.push(number(value.value, is_count));
        if let Measure::Ratio(above, below) = metric.measure {
            cells.extend([number(value.numerator, is_of_rows(above)), number(value.denominator, is_of_rows(below))]);
        }
        cells.extend([value.unknown_count.cell(), value.reason.cell()]);
        if query.comparison.is_some() {
            let change = value.comparison.as_ref().unwrap_or(&unchanged);
            cells.extend([number(change.previous, is_count), change.previous_reason.cell()]);
            cells.extend([number(change.change, is_count), change.change_ratio.cell()]);
        }
    }
    cells
}
