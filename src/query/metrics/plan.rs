//! The plan of a query: the scans that read its values.
//!
//! A scan is one statement. Metrics share a scan if they have the same rows and the same time. Sums are read source by
//! source, so that they can be combined afterwards. Other metrics are read group by group, over only those sources to
//! which they apply. The first scan always counts sessions by their start: for the coverage, and for data that were
//! never read. Rows whose own time is unknown have a scan of their own, which places them where their session began.

use chrono::{DateTime, Utc};

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::{Attribution, TimeColumn};

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    /// What one of its rows is.
    pub(super) grain: Grain,
    /// The time that puts rows into buckets.
    pub(super) time_column: TimeColumn,
    /// Condition for rows whose own time is unknown, if it reads these; they count as unknown.
    pub(super) untimed: Option<Expr>,
    /// Whether each bucket counts the part of a session that lies in it.
    pub(super) is_spread: bool,
    /// For metrics that are no sums: what their sources must have. `None`: sums, by source.
    pub(super) alone: Option<Requires>,
    /// The indexes in the query of the metrics it reads.
    pub(super) metrics: Vec<usize>,
    /// Its rows are closed hours, but for these hours, of which it reads the sessions. `None`: it reads sessions alone.
    pub(super) open_hours: Option<Vec<DateTime<Utc>>>,
}

/// The parts of a scan that need not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whether rows are read without their sessions.
    pub(super) is_bare: bool,
    /// Whether the few columns of `ingest.narrow_sessions` suffice of sessions.
    pub(super) is_narrow: bool,
    /// Whether each bucket is a separate range scan: only one table is read. With a single bucket the range is used,
    /// whose ends the planner sees, so that it can use parallel workers.
    pub(super) is_by_bucket: bool,
}

impl Scan {
    /// Returns the scans of a query.
    pub(super) fn all(query: &MetricQuery) -> Vec<Self> {
        let mut scans = vec![Self::first()];
        let mut add = |place: usize, wanted: Self| match scans.iter_mut().find(|scan| scan.is_shared_with(&wanted)) {
            Some(scan) => scan.metrics.push(place),
            None => scans.push(Self { metrics: vec![place], ..wanted }),
        };
        for (place, metric) in query.metrics.iter().enumerate() {
            if !metric.is_along_time() {
                add(place, Self::of(metric, query.attribution));
            }
            if let Some(untimed) = Self::of_untimed(metric, query.attribution) {
                add(place, untimed);
            }
        }
        scans
    }

    /// Returns the scan of sessions by their start.
    pub(super) fn first() -> Self {
        Self {
            grain: Grain::Sessions,
            time_column: TimeColumn::StartedAt,
            untimed: None,
            is_spread: false,
            alone: None,
            metrics: Vec::new(),
            open_hours: None,
        }
    }

    /// Returns the scan that reads the only metric of a query.
    pub(super) fn of_one(query: &MetricQuery) -> Self {
        match query.metrics.first() {
            Some(metric) => Self { metrics: vec![0], ..Self::of(metric, query.attribution) },
            None => Self::first(),
        }
    }

    /// Returns the scan that reads a metric, with no metrics in it.
    pub(super) fn of(metric: &Metric, attribution: Attribution) -> Self {
        Self {
            grain: metric.grain,
            time_column: metric.time_column_by(attribution),
            is_spread: attribution == Attribution::Spread && metric.can_be_attributed(attribution),
            alone: (!metric.adds_up()).then_some(metric.requires),
            ..Self::first()
        }
    }

    /// Returns the scan of the rows of a metric whose own time is unknown, with no metrics in it. Sessions without a
    /// time are counted by the first scan.
    pub(super) fn of_untimed(metric: &Metric, attribution: Attribution) -> Option<Self> {
        let has_own_rows = matches!(metric.grain, Grain::Messages | Grain::Presences);
        let untimed = metric.is_untimed(attribution).filter(|_| has_own_rows)?;
        Some(Self { grain: metric.grain, untimed: Some(untimed), ..Self::first() })
    }

    fn is_shared_with(&self, other: &Self) -> bool {
        let key = |scan: &Self| (scan.grain, scan.time_column, scan.untimed, scan.is_spread, scan.alone);
        key(self) == key(other)
    }

    /// Returns whether it counts the sessions that began, and those of them whose data were never read.
    pub(super) fn is_first(&self) -> bool {
        self.is_shared_with(&Self::first())
    }

    /// Returns whether it needs only those sessions that lack data: no metric reads the others, and no group stands for
    /// them. They are counted by a statement of their own. Closed hours are few: one statement reads them for both.
    pub(super) fn is_of_lacking(&self, query: &MetricQuery) -> bool {
        let has_groups = query.row_dimensions().next().is_some();
        let is_of_rows = query.as_known_at.is_none() && self.open_hours.is_none();
        self.is_first() && self.metrics.is_empty() && !has_groups && is_of_rows
    }

    /// Returns the metric whose unknown rows are the sessions that lack data: all metrics are about the same sessions,
    /// and lack data in the same way. `None`: these sessions are read on their own.
    pub(super) fn that_tells_lacking(query: &MetricQuery) -> Option<usize> {
        let first = *query.metrics.first()?;
        let is_alike = |metric: &&'static Metric| {
            Self::of(metric, query.attribution).is_shared_with(&Self { alone: Some(first.requires), ..Self::first() })
                && is_session_untimed(metric, query.attribution).is_none()
                && (metric.about, metric.known, metric.is_partial) == (first.about, first.known, first.is_partial)
                && metric.missing_items.is_none()
        };
        query.metrics.iter().all(is_alike).then_some(0)
    }

    /// Returns whether the values over the whole range are read with those of the buckets. Values that depend on the
    /// bucket, and sessions that count in several groups, need a statement of their own.
    pub(super) fn has_total(&self, query: &MetricQuery) -> bool {
        self.alone.is_some()
            && self.time_column != TimeColumn::AsOf
            && !self.is_spread
            && (query.buckets.len() > 1 || !query.dimensions.is_empty())
            && !query.dimensions.iter().any(|dimension| dimension.is_overlapping())
            && !self.reads(query, Table::Bucket)
    }

    /// Returns the metrics of which it counts sessions as unknown, because their data were never read or their time is
    /// unknown.
    pub(super) fn missed(&self, query: &MetricQuery) -> Vec<usize> {
        let is_missed = |place: &usize| {
            let metric = query.metrics[*place];
            metric.grain.is_unread().is_some() || is_session_untimed(metric, query.attribution).is_some()
        };
        if self.is_first() { (0..query.metrics.len()).filter(is_missed).collect() } else { Vec::new() }
    }

    /// Returns the column of a dimension; `None` if the rows of the scan do not have it.
    pub(super) fn column(&self, dimension: Dimension) -> Option<Expr> {
        let has_it = match dimension.level() {
            Level::Source => false,
            Level::Session => self.grain.is_of_sessions(),
            Level::Clock => self.time_column != TimeColumn::AsOf && !self.is_spread,
            Level::Presence | Level::Report => matches!(self.grain, Grain::Presences | Grain::Sessions),
            Level::Trail => self.grain == Grain::Sessions,
            Level::Speaker => self.grain == Grain::Speakers,
            Level::Message => self.grain == Grain::Messages,
            Level::Cohort => self.grain == Grain::Cohorts,
        };
        dimension.column().filter(|_| has_it)
    }

    /// Returns the metrics that it reads and, for the coverage, those whose data it looks at.
    pub(super) fn looked_at<'a>(&'a self, query: &'a MetricQuery) -> impl Iterator<Item = &'static Metric> + 'a {
        let is_looked_at = |place: &usize| self.is_first() || self.metrics.contains(place);
        (0..query.metrics.len()).filter(is_looked_at).map(|place| query.metrics[place])
    }

    /// Returns whether a column that it reads passes a test.
    pub(super) fn any_column(&self, query: &MetricQuery, test: &impl Fn(Column) -> bool) -> bool {
        let of_metrics = || self.metrics.iter().any(|place| query.metrics[*place].any_column(test));
        let of_coverage = || {
            let mut looked_at = self.looked_at(query);
            self.is_first() && looked_at.any(|metric| coverage_columns(metric, query.attribution, test))
        };
        let mut dimensions = query.row_dimensions().filter_map(|dimension| self.column(dimension));
        of_metrics() || of_coverage() || dimensions.any(|column| column.any(test))
    }

    /// Returns whether it uses a table.
    pub(super) fn reads(&self, query: &MetricQuery, table: Table) -> bool {
        self.any_column(query, &|column| column.of == table)
    }

    /// Returns which of its parts need not be read for these buckets.
    pub(super) fn reach(&self, query: &MetricQuery, bucket_count: usize) -> Reach {
        let own = match self.grain {
            Grain::Messages if self.untimed.is_none() => Some(Table::Message),
            Grain::Visits => Some(Table::Visit),
            _ => None,
        };
        let is_placing = |column: Column| matches!(column.of, Table::Bucket | Table::Placed | Table::Moment);
        let is_bare = own.is_some_and(|own| {
            let needs_session = |column: Column| column.of != own && !is_placing(column);
            // The filter of a query needs the sessions.
            !self.any_column(query, &needs_session) && query.filter.fields().all(|field| field.column().is_none())
        });
        let is_by_bucket = match self.grain {
            Grain::Sessions => self.is_of_sessions_alone(query) && self.open_hours.is_none(),
            Grain::Messages => is_bare && !self.reads(query, Table::Placed),
            _ => false,
        };
        // Sessions that lack data are few, and an index may list them.
        let is_by_bucket = is_by_bucket && bucket_count > 1 && !self.is_of_lacking(query);
        Reach { is_bare, is_narrow: self.is_narrow(query), is_by_bucket }
    }

    /// Returns the same for rows that are read with their sessions, over the whole range.
    pub(super) fn joined(&self, query: &MetricQuery) -> Reach {
        Reach { is_bare: false, is_narrow: self.is_narrow(query), is_by_bucket: false }
    }

    /// Returns whether the total is a grouping set of the statement: all columns that it reads are of one table, so
    /// that its rows can be a subquery. Otherwise, and where tables are distributed, each row is read twice, once for
    /// the total.
    pub(super) fn has_total_set(&self, query: &MetricQuery, reach: Reach) -> bool {
        let own = match self.grain {
            Grain::Sessions => Table::Session,
            Grain::Visits if reach.is_bare => Table::Visit,
            _ => return false,
        };
        !query.is_distributed && self.has_total(query) && !self.any_column(query, &|column| column.of != own)
    }

    /// Returns whether only columns of `ingest.narrow_sessions` are read of sessions.
    fn is_narrow(&self, query: &MetricQuery) -> bool {
        let is_elsewhere = |column: Column| column.of == Table::Session && !column.is_narrow;
        !self.any_column(query, &is_elsewhere) && is_filter_narrow(query) && self.grain != Grain::Speakers
    }

    /// Returns whether only sessions are read, by one of their own times, and only their own columns and cost, which
    /// follows from these.
    fn is_of_sessions_alone(&self, query: &MetricQuery) -> bool {
        let is_by_time =
            matches!(self.time_column, TimeColumn::StartedAt | TimeColumn::CompletedAt | TimeColumn::EndedAt);
        let is_elsewhere = |column: Column| !column.is_own && column.of != Table::Cost;
        !self.is_spread
            && self.alone.is_none()
            && is_by_time
            && !self.any_column(query, &is_elsewhere)
            && query.filter.fields().filter_map(Dimension::column).all(|column| !column.any(&is_elsewhere))
            // Changes are read once for the range, and not for each bucket.
            && query.as_known_at.is_none()
    }
}

/// Returns whether the filter of a query needs only columns of `ingest.narrow_sessions`.
pub(super) fn is_filter_narrow(query: &MetricQuery) -> bool {
    let mut columns = query.filter.fields().filter_map(Dimension::column);
    query.as_known_at.is_none() && columns.all(|column| !column.any(&|column| !column.is_narrow))
}

/// Returns the condition for sessions of which the metric lacks the time; `None` if its rows are no sessions, or every
/// session has it.
pub(super) fn is_session_untimed(metric: &Metric, attribution: Attribution) -> Option<Expr> {
    let is_of_session = matches!(metric.grain, Grain::Sessions | Grain::Speakers);
    metric.is_untimed(attribution).filter(|_| is_of_session)
}

/// Returns whether a column that decides whether a session lacks the data of a metric passes a test.
fn coverage_columns(metric: &Metric, attribution: Attribution, test: &impl Fn(Column) -> bool) -> bool {
    let mut rules = [metric.grain.is_unread(), is_session_untimed(metric, attribution)].into_iter().flatten();
    let is_of_session = matches!(metric.grain, Grain::Sessions | Grain::Speakers);
    rules.any(|rule| rule.any(test)) || is_of_session && metric.any_rule_column(test)
}
