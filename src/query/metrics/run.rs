//! Numbers from the database: one statement for each scan.
//!
//! Rows are grouped by bucket and source, and by the dimensions of the query that belong to rows. For sums, each
//! source has its own number; for other metrics, a group has one number, under one of its sources. Provider,
//! applicability and bases belong to the source and are never read per session. Values along time must not be added:
//! each group and the whole are computed separately.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::query::catalog::Source;
use crate::query::metrics::closed_hours::ClosedHours;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Measure, Metric};
use crate::query::metrics::plan::Scan;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::sql::concurrency::concurrency;
use crate::query::metrics::sql::coverage::{self, started};
use crate::query::metrics::sql::numbers::lacking;
use crate::query::metrics::sql::value::value;
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
    /// Whether it may be added to contributions of other sources, even if the metric is no sum: counts of unknown rows
    /// always may.
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
    /// Values over the whole range of metrics that are no sums, as far as they were read with the buckets.
    pub totals: Vec<Contribution>,
    /// Whether rows were found that lack their time.
    pub has_untimed: bool,
}

/// A value along time, of a bucket and a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrencyValue {
    /// Index of the metric in the query.
    pub metric: usize,
    /// Index of the bucket in the query.
    pub bucket: usize,
    /// The group: the value of each dimension of the query, in their order.
    pub dimensions: Vec<Option<String>>,
    /// The value.
    pub value: Decimal,
}

/// Reads the numbers of a query over these sources, at `now`.
pub(super) async fn scan(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Scanned, ReadError> {
    read(snapshot, query, sources, now, Scan::all(query)).await
}

/// Reads the number of sessions that lack data in some of their rows alone, for the coverage. `has_untimed`: whether
/// rows that lack their time were found.
pub(super) async fn partly_lacking(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
    has_untimed: bool,
) -> Result<Vec<Started>, ReadError> {
    let Some(statement) = coverage::partly_lacking(query, sources, now, has_untimed) else { return Ok(Vec::new()) };
    let what = "the number of sessions that lack data in part";
    let rows = statement.fetch_all(snapshot).await.map_err(reading(what))?;
    let take =
        |row: &PgRow| Ok(Started { source_id: row.try_get("source_id")?, count: 0, unknown: row.try_get("unknown")? });
    rows.iter().map(take).collect::<Result<_, _>>().map_err(reading(what))
}

/// Reads only the metrics that are no sums and that are wanted.
pub(super) async fn scan_alone(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
    is_wanted: impl Fn(&Scan) -> bool,
) -> Result<Scanned, ReadError> {
    let mut scans = Scan::all(query);
    scans.retain(|scan| scan.alone.is_some() && is_wanted(scan));
    read(snapshot, query, sources, now, scans).await
}

async fn read(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
    scans: Vec<Scan>,
) -> Result<Scanned, ReadError> {
    let mut scanned = Scanned::default();
    let mut tells_lacking = None;
    let closed_hours = ClosedHours::read(snapshot, query, &scans).await?;
    for scan in scans {
        let scan = match &closed_hours {
            Some(hours) => hours.used_by(scan, query),
            None => scan,
        };
        if scan.is_of_lacking(query) {
            let rows = started(query, sources).fetch_all(snapshot).await;
            for row in rows.map_err(reading("the number of sessions"))? {
                take_started(&mut scanned, &row, query, &scan).map_err(reading("the number of sessions"))?;
            }
            tells_lacking = Scan::that_tells_lacking(query);
            if lacking(query, sources).is_none() || tells_lacking.is_some() {
                continue;
            }
        }
        let whole = [query.range];
        let is_coverage_alone = scan.metrics.is_empty() && scan.missed(query).is_empty();
        let buckets = if is_coverage_alone { &whole[..] } else { &query.buckets };
        let rows = value(query, &scan, buckets, sources, now).fetch_all(snapshot).await;
        for row in rows.map_err(reading("metric values"))? {
            take(&mut scanned, &row, query, &scan).map_err(reading("metric values"))?;
        }
    }
    if let Some(metric) = tells_lacking {
        let told = scanned.contributions.iter().filter(|given| given.metric == metric && given.sums.unknown > 0);
        let told = told.map(|given| Started { source_id: given.source_id, count: 0, unknown: given.sums.unknown });
        scanned.started.extend(told);
    }
    Ok(scanned)
}

/// `bucket` and `source_id`.
const COLUMNS_BEFORE_DIMENSIONS: usize = 2;
/// `started` and `unknown`.
const COVERAGE_COLUMNS: usize = 2;

/// Takes the number of sessions of a source. A source that has any is in the answer, also where none of them lacks
/// data.
fn take_started(scanned: &mut Scanned, row: &PgRow, query: &MetricQuery, scan: &Scan) -> Result<(), sqlx::Error> {
    let (source_id, count) = (row.try_get("source_id")?, row.try_get("started")?);
    if count > 0 {
        scanned.started.push(Started { source_id, count, unknown: 0 });
        let (dimensions, sums) = (Vec::new(), Sums::default());
        let nothing =
            |metric| Contribution { bucket: 0, source_id, dimensions: dimensions.clone(), metric, sums, adds_up: true };
        scanned.contributions.extend(scan.missed(query).into_iter().map(nothing));
    }
    Ok(())
}

fn take(scanned: &mut Scanned, row: &PgRow, query: &MetricQuery, scan: &Scan) -> Result<(), sqlx::Error> {
    // The total of no rows has no source.
    let Some(source_id) = row.try_get("source_id")? else { return Ok(()) };
    if scan.is_first() {
        scanned.started.push(Started { source_id, count: row.try_get("started")?, unknown: row.try_get("unknown")? });
    }
    let bucket = row.try_get::<Option<i64>, _>("bucket")?;
    let columns = query.row_dimensions().count();
    let values = (0..columns).map(|place| row.try_get(COLUMNS_BEFORE_DIMENSIONS + place));
    let dimensions = values.collect::<Result<Vec<Option<String>>, _>>()?;
    let first = COLUMNS_BEFORE_DIMENSIONS + columns + COVERAGE_COLUMNS;
    let metrics = scan.metrics.iter().copied().chain(scan.missed(query));
    // A session has no value of such a dimension, so it stands for a group only where something of it is unknown.
    let lacks_dimension = scan.is_first() && query.row_dimensions().any(|dimension| scan.column(dimension).is_none());
    for (metric, column) in metrics.zip((first..).step_by(3)) {
        scanned.has_untimed |= scan.untimed.is_some() && row.try_get::<i64, _>(column + 2)? > 0;
        if lacks_dimension && row.try_get::<i64, _>(column + 2)? == 0 {
            continue;
        }
        let of_total = bucket.is_none();
        let given = if of_total { &mut scanned.totals } else { &mut scanned.contributions };
        given.push(Contribution {
            bucket: bucket.and_then(|bucket| usize::try_from(bucket - 1).ok()).unwrap_or(0),
            source_id,
            dimensions: if of_total { Vec::new() } else { dimensions.clone() },
            metric,
            sums: Sums {
                value: row.try_get::<Option<Decimal>, _>(column)?.unwrap_or_default(),
                known: row.try_get::<Option<Decimal>, _>(column + 1)?.unwrap_or_default(),
                unknown: row.try_get(column + 2)?,
            },
            adds_up: scan.alone.is_none(),
        });
    }
    Ok(())
}

/// Reads the metrics of a query along time; metrics of the same grain are read together.
pub(super) async fn along_time(
    snapshot: &Snapshot,
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Result<Vec<ConcurrencyValue>, ReadError> {
    let mut levels = Vec::new();
    for grain in [Grain::Sessions, Grain::Presences] {
        let has_this_grain = |metric: &&&Metric| metric.is_along_time() && metric.grain == grain;
        let Some(metric) = query.metrics.iter().find(has_this_grain) else { continue };
        let applicable = sources.iter().filter(|source| metric.requires.of(source) == Applicability::Applicable);
        let ids: Vec<i32> = applicable.map(|source| source.source_id).collect();
        let found = concurrency(query, grain, &ids, now).fetch_all(snapshot).await;
        for row in found.map_err(reading("the concurrency"))? {
            take_levels(&mut levels, &row, query, grain).map_err(reading("the concurrency"))?;
        }
    }
    Ok(levels)
}

fn take_levels(
    levels: &mut Vec<ConcurrencyValue>,
    row: &PgRow,
    query: &MetricQuery,
    grain: Grain,
) -> Result<(), sqlx::Error> {
    let bucket = usize::try_from(row.try_get::<i32, _>("bucket")?).unwrap_or(1) - 1;
    let dimensions = (0..query.dimensions.len()).map(|place| row.try_get(place));
    let dimensions = dimensions.collect::<Result<Vec<Option<String>>, _>>()?;
    for (metric, asked) in query.metrics.iter().enumerate().filter(|(_, metric)| metric.grain == grain) {
        let value: Option<Decimal> = match asked.measure {
            Measure::Peak => row.try_get("peak")?,
            Measure::TimeAverage => row.try_get("average")?,
            _ => None,
        };
        levels.extend(value.map(|value| ConcurrencyValue { metric, bucket, dimensions: dimensions.clone(), value }));
    }
    Ok(())
}
