//! From sums to the answer: groups, rows without holes, totals, coverage and warnings.
//!
//! Totals are the sums of all contributions: buckets and sources do not overlap, so this equals a pass of its
//! own over the whole range and costs nothing. Where it is not true (a maximum; a session that stands in
//! several groups) the whole was read by itself.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::query::ReadError;
use crate::query::calendar::in_zone;
use crate::query::catalog::{Catalog, Source};
use crate::query::freshness::Freshness;
use crate::query::metrics::answer::{Answer, Bucket, Coverage, MetricRow, QueryEcho, Value, Warning};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Applicability, Needs};
use crate::query::metrics::scan::{Contribution, Started};
use crate::query::metrics::status::BucketStatus;
use crate::query::metrics::{Findings, MAX_ROWS, MetricQuery, cell};
use crate::query::range::TimeRange;

/// The value of each dimension asked for, in their order. Null comes last.
type Group = Vec<(bool, Option<String>)>;

/// Puts the answer together.
pub fn answer(
    catalog: &Catalog,
    sources: &[&Source],
    query: &MetricQuery,
    findings: &Findings,
    now: DateTime<Utc>,
    stale_after: TimeDelta,
) -> Result<Answer, ReadError> {
    let assembly = Assembly { query, sources, now };
    let mut cells: BTreeMap<Group, Cells<'_>> = BTreeMap::new();
    for contribution in &findings.scanned.contributions {
        let cells = cells.entry(assembly.group(contribution)).or_default();
        cells.sums.entry(contribution.bucket).or_default().push(contribution);
    }
    for level in &findings.levels {
        let group = level.dimensions.iter().map(|value| (value.is_none(), value.clone())).collect();
        cells.entry(group).or_default().levels.entry(level.bucket).or_default().push((level.metric, level.value));
    }
    for group in assembly.known_groups(&cells) {
        cells.entry(group).or_default();
    }
    let rows = cells.len() * query.buckets.len();
    if rows > MAX_ROWS {
        return Err(ReadError::TooManyRows { rows, max: MAX_ROWS });
    }
    let whole = findings.whole.as_ref().unwrap_or(&findings.scanned);
    let all: Vec<&Contribution> = whole.contributions.iter().collect();
    let whole_levels: Vec<_> = findings.whole_levels.iter().map(|level| (level.metric, level.value)).collect();
    let feeding = assembly.feeding(None, &all, !whole_levels.is_empty());
    let totals = assembly.values(&feeding, &all, &whole_levels, query.range);
    let mixed_cells = cells.values().flat_map(|cells| cells.sums.values()).any(|cell| assembly.bases(cell).len() > 1);
    let bases = assembly.bases(&all);
    Ok(Answer {
        rows: assembly.rows(&cells),
        totals,
        coverage: assembly.coverage(&whole.started),
        warnings: assembly.warnings(&bases, mixed_cells),
        bases: query.metrics.iter().any(|metric| metric.needs == Needs::Minutes).then_some(bases),
        freshness: Freshness::of(catalog, sources, now, stale_after),
        query: assembly.echo(),
    })
}

/// What was found of a group, by bucket.
#[derive(Default)]
struct Cells<'a> {
    sums: BTreeMap<usize, Vec<&'a Contribution>>,
    /// Metric and value of what was read along time.
    levels: BTreeMap<usize, Vec<(usize, Decimal)>>,
}

struct Assembly<'a> {
    query: &'a MetricQuery,
    sources: &'a [&'a Source],
    now: DateTime<Utc>,
}

impl<'a> Assembly<'a> {
    fn source(&self, source_id: i32) -> Option<&'a Source> {
        self.sources.iter().copied().find(|source| source.source_id == source_id)
    }

    fn group(&self, contribution: &Contribution) -> Group {
        self.grouped(self.source(contribution.source_id), &contribution.dimensions)
    }

    /// The group of a source and of the values a row has, which are none where no row was found.
    fn grouped(&self, source: Option<&Source>, of_row: &[Option<String>]) -> Group {
        let mut of_row = of_row.iter();
        let value = |dimension: &Dimension| match dimension {
            Dimension::Provider => source.map(|source| source.provider.clone()),
            Dimension::Source => source.map(|source| source.source.clone()),
            _ => of_row.next().cloned().flatten(),
        };
        self.query.dimensions.iter().map(value).map(|value| (value.is_none(), value)).collect()
    }

    /// Groups that stand in the answer whatever was found: every source that is polled, or the whole.
    fn known_groups<T>(&self, found: &BTreeMap<Group, T>) -> BTreeSet<Group> {
        let is_of_source = |d: &Dimension| matches!(d, Dimension::Provider | Dimension::Source);
        if self.query.dimensions.is_empty() {
            return BTreeSet::from([Group::new()]);
        }
        if !self.query.dimensions.iter().any(is_of_source) {
            return BTreeSet::new();
        }
        let stands = |source: &&&Source| found.keys().any(|group| self.is_fed_by(group, source));
        let missing = self.sources.iter().filter(|source| source.is_enabled && !stands(source));
        missing.map(|source| self.grouped(Some(source), &[])).collect()
    }

    fn is_fed_by(&self, group: &Group, source: &Source) -> bool {
        self.query.dimensions.iter().zip(group).all(|(dimension, (_, value))| match dimension {
            Dimension::Provider => value.as_deref() == Some(&source.provider),
            Dimension::Source => value.as_deref() == Some(&source.source),
            Dimension::Outcome => source.can_hold(&[], value.as_slice()),
            other => value.is_none() || other.needs().of(source) != Applicability::NotApplicable,
        })
    }

    /// The sources behind a group (`None`: behind the whole): those that are polled, and those that
    /// gave something; who gave to what is read along time is not known, so all of them may have.
    fn feeding(&self, group: Option<&Group>, given: &[&Contribution], has_levels: bool) -> Vec<&'a Source> {
        let gave: BTreeSet<i32> = given.iter().map(|contribution| contribution.source_id).collect();
        let of_group = self.sources.iter().copied().filter(|s| group.is_none_or(|group| self.is_fed_by(group, s)));
        of_group.filter(|source| source.is_enabled || has_levels || gave.contains(&source.source_id)).collect()
    }

    fn rows(&self, cells: &BTreeMap<Group, Cells<'_>>) -> Vec<MetricRow> {
        let groups: Vec<_> = cells
            .iter()
            .map(|(group, cells)| {
                let given: Vec<&Contribution> = cells.sums.values().flatten().copied().collect();
                (group, cells, self.feeding(Some(group), &given, !cells.levels.is_empty()))
            })
            .collect();
        let mut rows = Vec::with_capacity(groups.len() * self.query.buckets.len());
        for (place, bucket) in self.query.buckets.iter().enumerate() {
            let (start, end) = (in_zone(self.query.zone, bucket.from), in_zone(self.query.zone, bucket.to));
            for (group, cells, feeding) in &groups {
                let names = self.query.dimensions.iter().map(|dimension| dimension.as_str());
                let given = cells.sums.get(&place).map_or(&[][..], Vec::as_slice);
                let levels = cells.levels.get(&place).map_or(&[][..], Vec::as_slice);
                let status = BucketStatus::of(&cell::proving(feeding), *bucket, self.now);
                rows.push(MetricRow {
                    dimensions: names.zip(group.iter().map(|(_, value)| value.clone())).collect(),
                    bucket: Bucket { start: start.clone(), end: end.clone(), status },
                    values: self.values(feeding, given, levels, *bucket),
                });
            }
        }
        rows
    }

    fn values(
        &self,
        feeding: &[&Source],
        given: &[&Contribution],
        levels: &[(usize, Decimal)],
        bucket: TimeRange,
    ) -> BTreeMap<&'static str, Value> {
        let metrics = self.query.metrics.iter().enumerate();
        metrics
            .map(|(place, metric)| {
                let sums = given.iter().filter(|contribution| contribution.metric == place);
                let sums = sums.map(|contribution| (contribution.source_id, contribution.sums));
                let level = levels.iter().find(|(metric, _)| *metric == place).map(|(_, value)| *value);
                (metric.id, cell::value(metric, feeding, sums, level, bucket, self.now))
            })
            .collect()
    }

    /// What the minutes among these contributions measure.
    fn bases(&self, given: &[&Contribution]) -> Vec<String> {
        let is_minutes =
            |c: &&&Contribution| self.query.metrics[c.metric].needs == Needs::Minutes && !c.sums.known.is_zero();
        let sources = given.iter().filter(is_minutes).filter_map(|contribution| self.source(contribution.source_id));
        sources.filter_map(|source| source.minutes_basis.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn coverage(&self, started: &[Started]) -> Coverage {
        let mut coverage = Coverage::default();
        for of_source in started {
            let has_notion = self.source(of_source.source_id).is_some_and(|source| {
                self.query.metrics.iter().any(|metric| metric.needs.of(source) != Applicability::NotApplicable)
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

    fn warnings(&self, bases: &[String], mixed_cells: bool) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if bases.len() > 1 {
            let what = if mixed_cells { "Rows and the total add" } else { "The total adds" };
            warnings.push(Warning {
                code: "mixed_minutes_basis",
                metrics: vec!["minutes_consumed"],
                detail: format!("{what} minutes that measure different things: {}.", bases.join(" and ")),
                bases: bases.to_vec(),
            });
        }
        let rejects = |source: &&Source| source.streams.iter().map(|stream| stream.open_reject_count).sum::<i64>();
        for source in self.sources.iter().filter(|source| source.is_enabled && rejects(source) > 0) {
            let (count, slug) = (rejects(source), &source.source);
            warnings.push(Warning {
                code: "rejected_records",
                metrics: self.query.metrics.iter().map(|metric| metric.id).collect(),
                detail: format!("{count} records of {slug} could not be normalized; they are kept, and in no figure."),
                bases: Vec::new(),
            });
        }
        warnings.extend(self.unread());
        warnings
    }

    /// Sources that have what a metric needs and are not asked for it.
    fn unread(&self) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = Vec::new();
        for metric in &self.query.metrics {
            let (code, what) = metric.needs.not_fetched();
            let is_unread =
                |source: &&&Source| source.is_enabled && metric.needs.of(source) == Applicability::NotFetched;
            let sources: Vec<&str> = self.sources.iter().filter(is_unread).map(|s| s.source.as_str()).collect();
            if let Some(same) = warnings.iter_mut().find(|warning| warning.code == code) {
                same.metrics.extend((!sources.is_empty()).then_some(metric.id));
            } else if !sources.is_empty() {
                let detail = format!("{what} of {} are not read; the figures leave them out.", sources.join(", "));
                warnings.push(Warning { code, metrics: vec![metric.id], detail, bases: Vec::new() });
            }
        }
        warnings
    }

    fn echo(&self) -> QueryEcho {
        QueryEcho {
            metrics: self.query.metrics.iter().map(|metric| metric.id).collect(),
            dimensions: self.query.dimensions.iter().map(|dimension| dimension.as_str()).collect(),
            from: in_zone(self.query.zone, self.query.range.from),
            to: in_zone(self.query.zone, self.query.range.to),
            zone: self.query.zone.name(),
            granularity: self.query.granularity.as_str(),
        }
    }
}
