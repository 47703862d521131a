//! Reads of a query: which passes over the data it needs.
//!
//! One pass gives the rows. Totals, sub-totals and the rest group are computed from its sums if these can be added.
//! Otherwise (a session is in several groups, a metric is no sum) a narrower query is read separately. The period to
//! compare with is read in the same way.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::query::ReadError;
use crate::query::catalog::Source;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::{Condition, Test};
use crate::query::metrics::fold::group::{Fold, Group, Member};
use crate::query::metrics::measure::Measure;
use crate::query::metrics::plan::Scan;
use crate::query::metrics::query::{MetricQuery, View};
use crate::query::metrics::run::{self, ConcurrencyValue, Contribution, Scanned};
use crate::query::snapshot::Snapshot;

/// The source of the data of a query.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) sources: &'a [&'a Source],
    pub(super) now: DateTime<Utc>,
}

/// The data of a view besides the sums of the first pass.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// A separate read of the view, if the numbers of the first pass cannot be added.
    pub(super) scanned: Option<Scanned>,
    /// Values that are no sums, over the groups that are not shown separately.
    pub(super) rest: Option<Rest>,
    /// Values along time, by group and bucket.
    pub(super) exact: Vec<(Group, ConcurrencyValue)>,
}

/// The values of a dimension that are not shown separately, combined.
#[derive(Debug)]
pub(super) struct Rest {
    /// Their numbers, by all other dimensions of the view.
    pub(super) scanned: Scanned,
    /// The index of the dimension in the view.
    pub(super) place: usize,
}

/// All data read for a query over one range.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) scanned: Scanned,
    pub(super) rows: Extra,
    pub(super) totals: Extra,
    pub(super) subtotals: Extra,
    /// The groups over the whole range, read to order them.
    pub(super) ranking: Extra,
}

impl Scanned {
    /// Adds the sums of a query to those of a narrower one, reduced to the dimensions of the narrower one.
    fn take_sums(&mut self, of: &Self, query: &MetricQuery, narrowed: &MetricQuery) {
        let places: Vec<usize> = narrowed
            .row_dimensions()
            .filter_map(|dimension| query.row_dimensions().position(|by| by == dimension))
            .collect();
        self.contributions.extend(of.contributions.iter().filter(|given| given.adds_up).map(|given| Contribution {
            dimensions: places.iter().map(|place| given.dimensions[*place].clone()).collect(),
            ..given.clone()
        }));
        self.started.extend_from_slice(&of.started);
    }
}

/// Returns whether a scan reads values group by group, so that they are valid only for that group.
fn has_values_by_group(query: &MetricQuery) -> bool {
    query.metrics.iter().any(|metric| !metric.is_along_time() && !metric.adds_up())
}

/// Returns whether the total along time follows from the buckets: a maximum is the largest of its buckets.
fn is_told_by_buckets(query: &MetricQuery, view: &View) -> bool {
    let mut along_time = query.metrics.iter().filter(|metric| metric.is_along_time());
    view.is_whole && query.dimensions.is_empty() && along_time.all(|metric| metric.measure == Measure::Peak)
}

/// Returns the highest value of each metric and group over all buckets.
fn most_of(levels: &[(Group, ConcurrencyValue)]) -> Vec<(Group, ConcurrencyValue)> {
    let mut most: BTreeMap<(&Group, usize), &ConcurrencyValue> = BTreeMap::new();
    for (group, level) in levels {
        let so_far = most.entry((group, level.metric)).or_insert(level);
        if level.value > so_far.value {
            *so_far = level;
        }
    }
    most.into_iter()
        .map(|((group, _), level)| (group.clone(), ConcurrencyValue { bucket: 0, ..level.clone() }))
        .collect()
}

impl Reader<'_> {
    /// Reads the first pass: numbers by all dimensions of the query, and the coverage.
    pub(super) async fn scan(&self, query: &MetricQuery) -> Result<Scanned, ReadError> {
        let mut scanned = run::scan(self.snapshot, query, self.sources, self.now).await?;
        let has_untimed = scanned.has_untimed;
        scanned.started.extend(run::partly_lacking(self.snapshot, query, self.sources, self.now, has_untimed).await?);
        Ok(scanned)
    }

    /// Reads all other passes.
    pub(super) async fn rest(
        &self,
        query: &MetricQuery,
        scanned: Scanned,
        fold: Option<&Fold>,
    ) -> Result<Findings, ReadError> {
        let rows = self.extra(query, &query.rows_view(), &scanned, fold).await?;
        let whole = MetricQuery::whole_view(&[]);
        let mut totals = self.extra(query, &whole, &scanned, None).await?;
        if is_told_by_buckets(query, &whole) {
            totals.exact = most_of(&rows.exact);
        }
        let subtotals = self.over_range(query, &query.totals_by, &scanned, fold).await?;
        let ranking = self.over_range(query, query.ranked_by(), &scanned, fold).await?;
        Ok(Findings { scanned, rows, totals, subtotals, ranking })
    }

    async fn over_range(
        &self,
        query: &MetricQuery,
        dimensions: &[Dimension],
        scanned: &Scanned,
        fold: Option<&Fold>,
    ) -> Result<Extra, ReadError> {
        match dimensions {
            [] => Ok(Extra::default()),
            dimensions => self.extra(query, &MetricQuery::whole_view(dimensions), scanned, fold).await,
        }
    }

    /// Reads the data that a view needs besides the numbers of the first pass.
    pub(super) async fn extra(
        &self,
        query: &MetricQuery,
        view: &View,
        scanned: &Scanned,
        fold: Option<&Fold>,
    ) -> Result<Extra, ReadError> {
        let narrowed = query.narrowed(view);
        let is_dropped = |dimension: &Dimension| !view.dimensions.contains(dimension);
        let is_narrower = query.dimensions.iter().any(is_dropped) || view.is_whole && query.buckets.len() > 1;
        let overlaps = |dimension: &Dimension| dimension.is_overlapping() && is_dropped(dimension);
        let mut extra = Extra::default();
        if query.dimensions.iter().any(overlaps) {
            extra.scanned = Some(self.scan(&narrowed).await?);
        } else if is_narrower && has_values_by_group(query) {
            // What was read with the buckets is not read again.
            let is_total = view.is_whole && view.dimensions.is_empty();
            let is_wanted = |scan: &Scan| !(is_total && scan.has_total(query));
            let mut alone = run::scan_alone(self.snapshot, &narrowed, self.sources, self.now, is_wanted).await?;
            if is_total {
                alone.contributions.extend_from_slice(&scanned.totals);
            }
            alone.take_sums(scanned, query, &narrowed);
            extra.scanned = Some(alone);
        }
        let place = fold.and_then(|fold| view.dimensions.iter().position(|dimension| *dimension == fold.dimension));
        let along_time = if is_told_by_buckets(query, view) {
            Vec::new()
        } else {
            run::along_time(self.snapshot, &narrowed, self.sources, self.now).await?
        };
        for figure in along_time {
            let group: Group = figure.dimensions.iter().cloned().map(Member::of).collect();
            if fold.zip(place).is_none_or(|(fold, place)| fold.kept.contains_key(&group[place])) {
                extra.exact.push((group, figure));
            }
        }
        if let Some((fold, place)) = fold.zip(place) {
            self.read_rest(&narrowed, fold, place, &mut extra).await?;
        }
        Ok(extra)
    }

    /// Reads the values that are no sums, over the groups that are not shown separately.
    async fn read_rest(
        &self,
        narrowed: &MetricQuery,
        fold: &Fold,
        place: usize,
        extra: &mut Extra,
    ) -> Result<(), ReadError> {
        let kept: Vec<String> = fold.kept.keys().filter_map(Member::shown).collect();
        let is_left = |source: &Source| match fold.dimension {
            Dimension::Provider => !kept.contains(&source.provider),
            Dimension::Source => !kept.contains(&source.source),
            _ => true,
        };
        let sources: Vec<&Source> = self.sources.iter().copied().filter(|source| is_left(source)).collect();
        if sources.is_empty() {
            return Ok(());
        }
        let mut rest = narrowed.clone();
        rest.dimensions.remove(place);
        rest.filter.sources.sources = sources.iter().map(|source| source.source.clone()).collect();
        if fold.kept.contains_key(&Member::Nothing) {
            rest.filter.conditions.push(Condition { field: fold.dimension, test: Test::IsNotNull });
        }
        rest.filter.conditions.push(Condition { field: fold.dimension, test: Test::NotIn(kept) });
        if has_values_by_group(narrowed) {
            let scanned = run::scan_alone(self.snapshot, &rest, &sources, self.now, |_| true).await?;
            extra.rest = Some(Rest { scanned, place });
        }
        for figure in run::along_time(self.snapshot, &rest, &sources, self.now).await? {
            let mut group: Group = figure.dimensions.iter().cloned().map(Member::of).collect();
            group.insert(place, Member::Other);
            extra.exact.push((group, figure));
        }
        Ok(())
    }
}
