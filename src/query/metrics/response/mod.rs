//! Assembly of the answer from tables: rows without gaps, totals, sub-totals and changes.
//!
//! The compared period gives the same tables as the request itself. A value and its counterpart meet only here.
//! Groups of either side are in both, so that groups that disappeared are visible.

pub mod answer;
pub mod hour_of_week;
mod order;
pub mod request_echo;
pub(super) mod rows_link;
pub mod series;
pub mod value;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::query::ReadError;
use crate::query::bucket::is_cut;
use crate::query::calendar::in_zone;
use crate::query::catalog::{Catalog, Source};
use crate::query::freshness::Freshness;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::fold::group::{Fold, Group, Grouping, Member};
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::fold::{Feeding, Table};
use crate::query::metrics::query::{MAX_ROWS, MetricQuery, View};
use crate::query::metrics::reader::{Extra, Findings};
use crate::query::metrics::requires::{Applicability, Requires};
use crate::query::metrics::response::answer::{Answer, Coverage, MetricRow, TimeBucket, UnmatchedRow};
use crate::query::metrics::response::request_echo::request_echo;
use crate::query::metrics::response::value::{Change, Value};
use crate::query::metrics::run::Started;
use crate::query::range::TimeRange;

/// The inputs of an answer besides its request.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) sources: &'a [&'a Source],
    pub(crate) fold: Option<&'a Fold>,
    pub(crate) now: DateTime<Utc>,
    /// The instant of knowledge: a bucket that was not over then counts as not over.
    pub(crate) known_at: DateTime<Utc>,
    /// Currency of values of money.
    pub(crate) currency: Option<&'a str>,
}

/// A query over one range, and the data read for it.
pub(crate) type Read<'a> = (&'a MetricQuery, &'a Findings);

/// Assembles the answer.
pub(crate) fn assemble(parts: &Parts<'_>, now: Read<'_>, before: Option<Read<'_>>) -> Result<Answer, ReadError> {
    let (query, findings) = now;
    let rows = Compared::of(parts, &query.rows_view(), now, before, |findings| &findings.rows);
    let count = rows.now.groups().count() * query.buckets.len();
    if count > MAX_ROWS {
        return Err(ReadError::TooManyRows { rows: count, max: MAX_ROWS });
    }
    let totals = Compared::of(parts, &MetricQuery::whole_view(&[]), now, before, |findings| &findings.totals);
    let over_range = |dimensions: &[Dimension], extra: for<'f> fn(&'f Findings) -> &'f Extra| {
        let view = MetricQuery::whole_view(dimensions);
        (!dimensions.is_empty()).then(|| Compared::of(parts, &view, now, before, extra).rows(parts))
    };
    let subtotals = over_range(&query.totals_by, |findings| &findings.subtotals);
    let ranking = over_range(query.ranked_by(), |findings| &findings.ranking);
    let whole = findings.totals.scanned.as_ref().unwrap_or(&findings.scanned);
    let bases = totals.now.bases();
    let mut warnings = warnings::of_data(query, parts.sources, &bases, rows.now.has_mixed_cells());
    warnings.extend(warnings::of_comparison(query, totals.before_status(), parts.now));
    let mut answer = Answer {
        rows: rows.rows(parts),
        unmatched_previous: rows.unmatched(),
        totals: totals.total(),
        subtotals,
        coverage: coverage(query, parts.sources, &whole.started),
        warnings,
        bases: query.metrics.iter().any(|metric| metric.requires == Requires::Minutes).then_some(bases),
        currency: parts.currency.map(ToOwned::to_owned),
        titles: None,
        rows_link: rows_link::template(query),
        freshness: Freshness::over(parts.catalog, &query.telling(parts.sources), Some(query.range), parts.now),
        definitions: query.metrics.iter().map(|metric| (metric.id, metric.version)).collect(),
        query: request_echo(query),
    };
    order::arrange(query, &mut answer, ranking.as_deref());
    Ok(answer)
}

/// A view of a query and of the period it is compared with.
struct Compared<'a> {
    query: &'a MetricQuery,
    view: View,
    now: Table<'a>,
    before: Option<Table<'a>>,
}

impl<'a> Compared<'a> {
    fn of(
        parts: &Parts<'a>,
        view: &View,
        now: Read<'a>,
        before: Option<Read<'a>>,
        extra: impl Fn(&'a Findings) -> &'a Extra,
    ) -> Self {
        let table = |(query, findings): Read<'a>| {
            let extra = extra(findings);
            let dimensions = dimensions_of(view, query);
            let grouping = Grouping {
                sources: parts.sources,
                read_by: if extra.scanned.is_some() { dimensions } else { &query.dimensions },
                dimensions,
                fold: parts.fold,
            };
            let buckets = if view.is_whole { std::slice::from_ref(&query.range) } else { &query.buckets };
            Table::of(grouping, &query.metrics, buckets, &findings.scanned, extra, view.is_whole, parts.known_at)
        };
        let (mut own, earlier) = (table(now), before.map(table));
        if let Some(earlier) = &earlier {
            own.take_groups(earlier);
        }
        Self { query: now.0, view: view.clone(), now: own, before: earlier }
    }

    fn rows(&self, parts: &Parts<'_>) -> Vec<MetricRow> {
        let buckets = if self.view.is_whole { std::slice::from_ref(&self.query.range) } else { &self.query.buckets };
        let mut groups: Vec<(&Group, Feeding<'_>, Option<Feeding<'_>>)> =
            self.now.groups().map(|group| self.fed(group)).collect();
        let rank = |(group, ..): &(&Group, _, _)| {
            let fold = parts.fold?;
            let place = self.view.dimensions.iter().position(|dimension| *dimension == fold.dimension)?;
            Some(fold.kept.get(&group[place]).copied().unwrap_or(usize::MAX))
        };
        groups.sort_by_key(rank);
        let rest = parts.fold.and_then(|fold| rows_link::template_of_rest(self.query, fold, parts.sources));
        // the range can cut only its first and its last bucket; a view of the whole has none
        let ends = if self.view.is_whole { [usize::MAX; 2] } else { [0, buckets.len() - 1] };
        let mut rows = Vec::with_capacity(groups.len() * buckets.len());
        for (place, bucket) in buckets.iter().enumerate() {
            for (group, feeding, fed_before) in &groups {
                let names = self.view.dimensions.iter().map(|dimension| dimension.as_str());
                rows.push(MetricRow {
                    dimensions: names.zip(group.iter().map(Member::shown)).collect(),
                    is_other: group.contains(&Member::Other),
                    rows_link: rest.clone().filter(|_| group.contains(&Member::Other)),
                    bucket: TimeBucket {
                        is_partial: ends.contains(&place) && is_cut(*bucket, self.query.zone, self.query.granularity),
                        ..self.bucket(*bucket, self.now.status(feeding, place))
                    },
                    previous_bucket: self.previous_bucket(fed_before.as_ref(), place),
                    values: self.values(group, feeding, fed_before.as_ref(), place),
                });
            }
        }
        rows
    }

    /// Returns the rows of the previous period that no row of the range is compared with.
    fn unmatched(&self) -> Vec<UnmatchedRow> {
        let Some((comparison, before)) = self.query.comparison.as_ref().zip(self.before.as_ref()) else {
            return Vec::new();
        };
        let matched: BTreeSet<usize> = comparison.counterparts.iter().copied().flatten().collect();
        let mut rows = Vec::new();
        for (place, bucket) in comparison.buckets.iter().enumerate().filter(|(place, _)| !matched.contains(place)) {
            for group in self.now.groups() {
                let feeding = before.feeding(group);
                let names = self.view.dimensions.iter().map(|dimension| dimension.as_str());
                let values = before.values(group, &feeding, place);
                rows.push(UnmatchedRow {
                    dimensions: names.zip(group.iter().map(Member::shown)).collect(),
                    is_other: group.contains(&Member::Other),
                    previous_bucket: self.bucket(*bucket, before.status(&feeding, place)),
                    values: self.query.metrics.iter().map(|metric| metric.id).zip(values).collect(),
                });
            }
        }
        rows
    }

    /// Returns the only row of a view of the whole range.
    fn total(&self) -> BTreeMap<&'static str, Value> {
        let group = Group::new();
        let (_, feeding, fed_before) = self.fed(&group);
        self.values(&group, &feeding, fed_before.as_ref(), 0)
    }

    /// Returns the status of the previous period as a whole.
    fn before_status(&self) -> Option<BucketStatus> {
        let before = self.before.as_ref()?;
        Some(before.status(&before.feeding(&Group::new()), 0))
    }

    fn fed<'g>(&self, group: &'g Group) -> (&'g Group, Feeding<'a>, Option<Feeding<'a>>) {
        (group, self.now.feeding(group), self.before.as_ref().map(|before| before.feeding(group)))
    }

    /// Returns the index of a bucket's counterpart; the whole range corresponds to the whole period.
    fn counterpart(&self, place: usize) -> Option<usize> {
        if self.view.is_whole {
            return Some(0);
        }
        self.query.comparison.as_ref()?.counterparts.get(place).copied().flatten()
    }

    fn previous_bucket(&self, fed_before: Option<&Feeding<'_>>, place: usize) -> Option<TimeBucket> {
        let comparison = self.query.comparison.as_ref()?;
        let (before, place) = (self.before.as_ref()?, self.counterpart(place)?);
        let range = if self.view.is_whole { comparison.range } else { *comparison.buckets.get(place)? };
        Some(self.bucket(range, before.status(fed_before?, place)))
    }

    fn values(
        &self,
        group: &Group,
        feeding: &[&Source],
        fed_before: Option<&Feeding<'_>>,
        place: usize,
    ) -> BTreeMap<&'static str, Value> {
        let before = self.before.as_ref().zip(fed_before).zip(self.counterpart(place));
        let before = before.map(|((before, feeding), place)| before.values(group, feeding, place));
        let values = self.now.values(group, feeding, place).into_iter().enumerate();
        values
            .map(|(place, value)| {
                let metric = self.query.metrics[place];
                let change = || Change::of(metric, &value, before.as_ref().map(|before| &before[place]));
                (metric.id, Value { comparison: self.before.is_some().then(change), ..value })
            })
            .collect()
    }

    fn bucket(&self, range: TimeRange, status: BucketStatus) -> TimeBucket {
        let zone = self.query.zone;
        TimeBucket { start: in_zone(zone, range.from), end: in_zone(zone, range.to), status, is_partial: false }
    }
}

/// Returns the dimensions of a view, borrowed from the query.
fn dimensions_of<'a>(view: &View, query: &'a MetricQuery) -> &'a [Dimension] {
    match view.dimensions.len() {
        0 => &[],
        _ if view.is_whole && view.dimensions == query.totals_by => &query.totals_by,
        _ => &query.dimensions,
    }
}

fn coverage(query: &MetricQuery, sources: &[&Source], started: &[Started]) -> Coverage {
    let mut coverage = Coverage::default();
    for of_source in started {
        let source = sources.iter().find(|source| source.source_id == of_source.source_id);
        let has_notion = source.is_some_and(|source| {
            query.metrics.iter().any(|metric| metric.requires.of(source) != Applicability::NotApplicable)
        });
        if has_notion {
            coverage.eligible += of_source.count;
            coverage.unknown += of_source.unknown;
        } else {
            coverage.not_applicable += of_source.count;
        }
    }
    coverage
}
