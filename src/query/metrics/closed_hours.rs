//! Closed hours: which scans can read the sums of whole hours, and which hours they must read from sessions.
//!
//! A closed hour has a row for sessions that are alike, and stands for all of them. So it answers a scan that counts
//! sessions or adds up their minutes and lengths, and that tests, for all else, only what these sessions share. Hours
//! that a bucket cuts, and hours of sessions that changed since the hour was closed, are read from sessions: an answer
//! never depends on whether there are closed hours. This module writes no SQL of a scan.

use std::collections::BTreeSet;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::query::ReadError;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::plan::{Scan, is_session_untimed};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::time_column::TimeColumn;
use crate::query::snapshot::Snapshot;
use crate::query::touched_hours::TouchedHours;

/// What all sessions of a row share.
const SHARED: [Expr; 9] = [
    SOURCE_ID,
    SESSION_KIND,
    SESSION_STATE,
    OUTCOME,
    CHANNEL,
    CHAT_STATE,
    IS_PROVISIONAL,
    MESSAGE_SUPPORT,
    MINUTES_BASIS,
];

/// What is added up over the sessions of a row; they all have it, or none does.
const ADDED_UP: [Expr; 2] = [MINUTES_CONSUMED, DURATION_SECONDS];

/// What the sessions of a row share only whether they have it. The rules for sessions whose rows were never read, or
/// whose time is unknown, ask for no more.
const HAD: [Expr; 3] = [COMPLETED_AT, MESSAGE_COUNT, PARTICIPANT_COUNT];

/// Shorter ranges are read from sessions: there is little to save.
const SHORTEST: TimeDelta = TimeDelta::hours(48);

/// The hours of sessions that changed since the hours were closed.
#[derive(Debug)]
pub(super) struct ClosedHours<'s>(&'s TouchedHours);

impl<'s> ClosedHours<'s> {
    /// Reads which hours are outdated. `None`: no scan can use closed hours, or too much changed since.
    pub(super) async fn read(
        snapshot: &'s Snapshot,
        query: &MetricQuery,
        scans: &[Scan],
    ) -> Result<Option<Self>, ReadError> {
        if query.range.to - query.range.from < SHORTEST || !scans.iter().any(|scan| can_read(scan, query)) {
            return Ok(None);
        }
        Ok(snapshot.touched_hours().await?.map(Self))
    }

    /// Lets a scan read closed hours where it can, and where these are most hours of its range.
    pub(super) fn used_by(&self, mut scan: Scan, query: &MetricQuery) -> Scan {
        if !can_read(&scan, query) {
            return scan;
        }
        let touched = if scan.time_column == TimeColumn::StartedAt { &self.0.of_start } else { &self.0.of_completion };
        let Some(first) = hour_of(query.range.from) else { return scan };
        let mut open: BTreeSet<DateTime<Utc>> = touched.range(first..query.range.to).copied().collect();
        let edges = query.buckets.iter().flat_map(|bucket| [bucket.from, bucket.to]);
        open.extend(edges.filter_map(|edge| hour_of(edge).filter(|hour| *hour != edge)));
        let hours = (query.range.to - first).num_hours();
        if i64::try_from(open.len()).is_ok_and(|open| open * 4 < hours) {
            scan.open_hours = Some(open.into_iter().collect());
        }
        scan
    }
}

fn hour_of(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    at.duration_trunc(TimeDelta::hours(1)).ok()
}

/// Returns whether the rows of closed hours have all that a scan asks for.
fn can_read(scan: &Scan, query: &MetricQuery) -> bool {
    let is_of_sessions = scan.grain == Grain::Sessions
        && matches!(scan.time_column, TimeColumn::StartedAt | TimeColumn::CompletedAt)
        && scan.alone.is_none()
        && !scan.is_spread;
    let is_group_shared = |dimension: Dimension| {
        scan.column(dimension).is_none_or(|column| dimension.level() == Level::Session && is_shared(column))
    };
    is_of_sessions
        && query.as_known_at.is_none()
        && !query.filter.includes_deleted
        && query.filter.fields().filter_map(Dimension::column).all(is_shared)
        && query.row_dimensions().all(is_group_shared)
        && scan.metrics.iter().all(|place| is_added_up(query.metrics[*place]))
        && (!scan.is_first() || query.metrics.iter().all(|metric| is_coverage_shared(metric, query)))
}

/// Returns whether the value of a metric is a number of sessions, or a sum that rows have.
fn is_added_up(metric: &Metric) -> bool {
    let is_term = |term: Term| match term {
        Term::Rows => true,
        Term::RowsIf(condition) => is_shared(condition),
        Term::Sum(of) | Term::Decimals(of) | Term::Minutes(of) => ADDED_UP.contains(&of),
    };
    let is_measured = match metric.measure {
        Measure::Total(term) => is_term(term),
        Measure::Ratio(above, below) => is_term(above) && is_term(below),
        _ => false,
    };
    is_measured && are_rules_shared(metric)
}

/// Returns whether rows tell which of their sessions have a value.
fn are_rules_shared(metric: &Metric) -> bool {
    let is_known = match metric.known {
        Known::All => true,
        Known::Has(of) => ADDED_UP.contains(&of) || is_shared(of),
        Known::If(condition) => is_shared(condition),
    };
    is_known && [metric.about, metric.is_partial].into_iter().flatten().all(is_shared) && metric.missing_items.is_none()
}

/// Returns whether rows tell which of their sessions lack the data of a metric.
fn is_coverage_shared(metric: &Metric, query: &MetricQuery) -> bool {
    let is_of_session = matches!(metric.grain, Grain::Sessions | Grain::Speakers);
    let rules = [metric.grain.is_unread(), is_session_untimed(metric, query.attribution)];
    let mut rules = rules.into_iter().flatten();
    rules.all(|rule| all_of(rule, &[&SHARED[..], &HAD[..]].concat())) && (!is_of_session || are_rules_shared(metric))
}

fn is_shared(expr: Expr) -> bool {
    all_of(expr, &SHARED)
}

fn all_of(expr: Expr, columns: &[Expr]) -> bool {
    !expr.any(&|column| !columns.iter().any(|of| of.any(&|listed| listed == column)))
}
