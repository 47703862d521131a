//! Figures as a table: a row for each bucket and group, a few columns for each metric.
//!
//! Beside a figure stands why there is none (`_reason`) and how many did not tell it (`_unknown_count`), since an empty
//! cell alone could be zero, unknown or not applicable; of a ratio both parts stand there too.

use chrono::DateTime;

use crate::api::formats::cell::{Cell, Field, Head, Kind};
use crate::query::metrics::answer::{Answer, MetricRow, Value};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Additivity, Metric};

/// The columns and rows of an answer.
pub(crate) fn table(answer: &Answer, metrics: &[&'static Metric], dimensions: &[Dimension]) -> (Head, Vec<Vec<Cell>>) {
    let column = |name: &str, kind| (name.to_owned(), kind);
    let mut head = vec![
        column("bucket_start", Kind::Instant),
        column("bucket_end", Kind::Instant),
        column("bucket_status", Kind::Text),
    ];
    head.extend(dimensions.iter().map(|dimension| column(dimension.as_str(), Kind::Text)));
    for metric in metrics {
        let id = metric.id;
        head.push(column(id, Kind::Decimal));
        if metric.additivity == Additivity::RatioOfSums {
            head.push((format!("{id}_numerator"), Kind::Decimal));
            head.push((format!("{id}_denominator"), Kind::Decimal));
        }
        head.push((format!("{id}_unknown_count"), Kind::Integer));
        head.push((format!("{id}_reason"), Kind::Text));
    }
    (head, answer.rows.iter().map(|row| cells(row, metrics, dimensions)).collect())
}

fn cells(row: &MetricRow, metrics: &[&'static Metric], dimensions: &[Dimension]) -> Vec<Cell> {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).map_or(Cell::Null, Cell::Instant);
    let mut cells = vec![instant(&row.bucket.start), instant(&row.bucket.end)];
    cells.push(Cell::Text(row.bucket.status.as_str().to_owned()));
    cells.extend(dimensions.iter().map(|dimension| row.dimensions.get(dimension.as_str()).cloned().flatten().cell()));
    let none = Value::default();
    for metric in metrics {
        let value = row.values.get(metric.id).unwrap_or(&none);
        cells.push(value.value.cell());
        if metric.additivity == Additivity::RatioOfSums {
            cells.extend([value.numerator.cell(), value.denominator.cell()]);
        }
        cells.extend([value.unknown_count.cell(), value.reason.cell()]);
    }
    cells
}
