//! Numbers from the database: one statement for each pass.
//!
//! Rows are grouped by bucket and source, and by the dimensions of the query that belong to rows. For sums, each
//! source has its own number; for other metrics, a group has one number, under one of its sources. Provider,
//! applicability and bases belong to the source and are never read per session. [`crate::query::metrics::concurrency`]
//! reads metrics along time.

use chrono::{DateTime, Utc};

use rust_decimal::Decimal;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::query::metrics::pass::Pass;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::select::statement;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// The three numbers of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// The value, or a ratio's numerator.
    pub value: Decimal,
    /// Rows behind the value, or a ratio's denominator.
    pub known: Decimal,
    /// Rows that lack the data for the value.
    pub unknown: i64,
}

impl Sums {
    /// Adds another cell's sums.
    pub fn add(&mut self, other: Self) {
        self.value = self.value.saturating_add(other.value);
        self.known = self.known.saturating_add(other.known);
        self.unknown = self.unknown.saturating_add(other.unknown);
    }
}

/// One metric in one bucket: of one source or, for metrics that are no sums, of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Index of the bucket in the query.
    pub bucket: usize,
    /// The source; for metrics that are no sums, one of the sources that contributed.
    pub source_id: i32,
    /// The values of the query's dimensions that belong to rows, in their order.
    pub dimensions: Vec<Option<String>>,
    /// Index of the metric in the query.
    pub metric: usize,
    /// Its numbers.
    pub sums: Sums,
    /// Whether it may be added to contributions of other sources, even if the metric is no sum: counts of data that
    /// were never read always may.
    pub adds_up: bool,
}

/// Sessions that began in the range, of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The source.
    pub source_id: i32,
    /// Number of sessions.
    pub count: i64,
    /// Sessions that lack the data for one of the requested metrics.
    pub unknown: i64,
}

/// All data read for a query.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    /// Sums.
    pub contributions: Vec<Contribution>,
    /// Sessions, for the coverage; a source may occur several times.
    pub started: Vec<Started>,
}

/// Reads the numbers of a query over these sources, at `now`.
pub async fn read(
    snapshot: &Snapshot,
    query: &MetricQuery,
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Result<Scanned, ReadError> {
    read_passes(snapshot, query, source_ids, now, Pass::all(query)).await
}

/// Reads only the metrics that are no sums.
pub(super) async fn read_alone(
    snapshot: &Snapshot,
    query: &MetricQuery,
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Result<Scanned, ReadError> {
    let mut passes = Pass::all(query);
    passes.retain(|pass| pass.alone.is_some());
    read_passes(snapshot, query, source_ids, now, passes).await
}

async fn read_passes(
    snapshot: &Snapshot,
    query: &MetricQuery,
    source_ids: &[i32],
    now: DateTime<Utc>,
    passes: Vec<Pass>,
) -> Result<Scanned, ReadError> {
    let mut scanned = Scanned::default();
    for pass in passes {
        let whole = [query.range];
        let is_coverage_alone = pass.metrics.is_empty() && pass.missed(query).is_empty();
        let buckets = if is_coverage_alone { &whole[..] } else { &query.buckets };
        let rows = statement(query, &pass, buckets, source_ids, now).fetch_all(snapshot).await;
        for row in rows.map_err(reading("metric values"))? {
            take(&mut scanned, &row, query, &pass).map_err(reading("metric values"))?;
        }
    }
    Ok(scanned)
}

/// `bucket` and `source_id`.
const COLUMNS_BEFORE_DIMENSIONS: usize = 2;
/// `started` and `unknown`.
const COVERAGE_COLUMNS: usize = 2;

fn take(scanned: &mut Scanned, row: &PgRow, query: &MetricQuery, pass: &Pass) -> Result<(), sqlx::Error> {
    let source_id = row.try_get("source_id")?;
    if pass.is_first() {
        scanned.started.push(Started { source_id, count: row.try_get("started")?, unknown: row.try_get("unknown")? });
    }
    let bucket = usize::try_from(row.try_get::<i64, _>("bucket")?).unwrap_or(1) - 1;
    let columns = query.row_dimensions().count();
    let values = (0..columns).map(|place| row.try_get(COLUMNS_BEFORE_DIMENSIONS + place));
    let dimensions = values.collect::<Result<Vec<Option<String>>, _>>()?;
    let first = COLUMNS_BEFORE_DIMENSIONS + columns + COVERAGE_COLUMNS;
    let metrics = pass.metrics.iter().copied().chain(pass.missed(query));
    for (metric, column) in metrics.zip((first..).step_by(3)) {
        scanned.contributions.push(Contribution {
            bucket,
            source_id,
            dimensions: dimensions.clone(),
            metric,
            sums: Sums {
                value: row.try_get::<Option<Decimal>, _>(column)?.unwrap_or_default(),
                known: row.try_get::<Option<Decimal>, _>(column + 1)?.unwrap_or_default(),
                unknown: row.try_get(column + 2)?,
            },
            adds_up: pass.alone.is_none(),
        });
    }
    Ok(())
}
