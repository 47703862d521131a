//! Tables of metric values: groups by buckets, without gaps.
//!
//! Buckets and sources do not overlap, so a cell is the sum of the contributions of all sources, and a total is the
//! sum of the cells. Rows, totals and sub-totals are such tables, and so is the period to compare with.

pub(super) mod group;
pub(super) mod null_rules;
pub mod status;
pub(super) mod top;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::query::catalog::Source;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::fold::group::{Group, Grouping, Member};
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::telling;
use crate::query::metrics::reader::{Extra, Rest};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::response::value::Value;
use crate::query::metrics::run::{ConcurrencyValue, Contribution, Scanned};
use crate::query::range::TimeRange;

/// The data of a group, by index of the bucket.
#[derive(Default)]
struct Cells<'a> {
    sums: BTreeMap<usize, Vec<&'a Contribution>>,
    exact: BTreeMap<usize, Vec<&'a ConcurrencyValue>>,
}

/// Metric values by group and bucket.
pub(crate) struct Table<'a> {
    grouping: Grouping<'a>,
    metrics: &'a [&'static Metric],
    buckets: &'a [TimeRange],
    now: DateTime<Utc>,
    cells: BTreeMap<Group, Cells<'a>>,
}

/// The sources behind a group of a table.
pub(crate) type Feeding<'a> = Vec<&'a Source>;

impl<'a> Table<'a> {
    /// Creates a table from the sums of the first pass and the other data of the view. A view of the whole range has
    /// one bucket.
    pub(crate) fn of(
        grouping: Grouping<'a>,
        metrics: &'a [&'static Metric],
        buckets: &'a [TimeRange],
        scanned: &'a Scanned,
        extra: &'a Extra,
        is_whole: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let mut cells: BTreeMap<Group, Cells<'a>> = BTreeMap::new();
        let mut give = |group: Group, contribution: &'a Contribution| {
            let bucket = if is_whole { 0 } else { contribution.bucket };
            cells.entry(group).or_default().sums.entry(bucket).or_default().push(contribution);
        };
        for contribution in &extra.scanned.as_ref().unwrap_or(scanned).contributions {
            let group = grouping.group(contribution);
            // Values that are no sums of groups are read for the rest group separately.
            if contribution.adds_up || !group.contains(&Member::Other) {
                give(group, contribution);
            }
        }
        if let Some(Rest { scanned, place }) = &extra.rest {
            let by: Vec<Dimension> = grouping.without(*place);
            let grouping = Grouping { read_by: &by, dimensions: &by, ..grouping };
            for contribution in &scanned.contributions {
                let mut group = grouping.group(contribution);
                group.insert(*place, Member::Other);
                give(group, contribution);
            }
        }
        for (group, figure) in &extra.exact {
            let cells = cells.entry(group.clone()).or_default();
            cells.exact.entry(figure.bucket).or_default().push(figure);
        }
        for group in grouping.known_groups(&cells) {
            cells.entry(group).or_default();
        }
        Self { grouping, metrics, buckets, now, cells }
    }

    /// Returns the groups, in order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.cells.keys()
    }

    /// Adds the groups of another table.
    pub(crate) fn take_groups(&mut self, other: &Table<'_>) {
        for group in other.groups() {
            if !self.cells.contains_key(group) {
                self.cells.insert(group.clone(), Cells::default());
            }
        }
    }

    /// Returns the sources behind a group.
    pub(crate) fn feeding(&self, group: &Group) -> Feeding<'a> {
        let Some(cells) = self.cells.get(group) else { return self.grouping.feeding(group, &BTreeSet::new(), false) };
        let gave = cells.sums.values().flatten().map(|contribution| contribution.source_id).collect();
        self.grouping.feeding(group, &gave, !cells.exact.is_empty())
    }

    /// Returns the status of a bucket for a group.
    pub(crate) fn status(&self, feeding: &[&Source], place: usize) -> BucketStatus {
        // Sources to which none of the metrics applies do not make a bucket less complete.
        let telling = telling(self.metrics, feeding);
        BucketStatus::of(&null_rules::proving(&telling), self.buckets[place], self.now)
    }

    /// Returns the values of a group in a bucket, in the order of the metrics.
    pub(crate) fn values(&self, group: &Group, feeding: &[&Source], place: usize) -> Vec<Value> {
        let cells = self.cells.get(group);
        let sums = cells.and_then(|cells| cells.sums.get(&place)).map_or(&[][..], Vec::as_slice);
        let exact = cells.and_then(|cells| cells.exact.get(&place)).map_or(&[][..], Vec::as_slice);
        let value = |(metric_place, metric): (usize, &&'static Metric)| {
            let sums = sums.iter().filter(|given| given.metric == metric_place);
            let sums = sums.map(|given| (given.source_id, given.sums));
            let exact = exact.iter().find(|given| given.metric == metric_place).map(|given| given.value);
            null_rules::value(metric, feeding, sums, exact, self.buckets[place], self.now)
        };
        self.metrics.iter().enumerate().map(value).collect()
    }

    /// Returns the bases of the minutes in the table.
    pub(crate) fn bases(&self) -> Vec<String> {
        self.bases_of(self.cells.values().flat_map(|cells| cells.sums.values()).flatten().copied())
    }

    /// Returns whether a cell adds minutes of different bases.
    pub(crate) fn has_mixed_cells(&self) -> bool {
        let mut cells = self.cells.values().flat_map(|cells| cells.sums.values());
        cells.any(|given| self.bases_of(given.iter().copied()).len() > 1)
    }

    fn bases_of(&self, given: impl Iterator<Item = &'a Contribution>) -> Vec<String> {
        let is_minutes =
            |c: &&Contribution| self.metrics[c.metric].requires == Requires::Minutes && !c.sums.known.is_zero();
        let sources = given.filter(is_minutes).filter_map(|given| self.grouping.source(given.source_id));
        sources.filter_map(|source| source.minutes_basis.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}
