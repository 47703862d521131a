//! The value to explain: one metric, one range, all sessions or those of one group.
//!
//! Every explanation reads the rows that the value itself is computed from: the rows and the filter come from the
//! scan, and this module adds the range, the group and the sources to which the metric applies.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::query::ReadError;
use crate::query::bucket::Granularity;
use crate::query::catalog::{Catalog, Source};
use crate::query::metrics::answer;
use crate::query::metrics::compare::CompareTo;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::fold::group::{Grouping, Member};
use crate::query::metrics::fold::null_rules;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::response::value::Value;
use crate::query::metrics::run::{self, Sums};
use crate::query::metrics::sql::behind::Behind;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;

/// The value of a dimension; null is a separate value.
pub type GroupValue = (Dimension, Option<String>);

/// A metric value, with the sources behind it.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The metric, its range and its filter, in one bucket; the dimensions are those of the group.
    pub query: MetricQuery,
    /// The group; empty: all sessions.
    pub group: Vec<GroupValue>,
    /// The metric.
    pub metric: &'static Metric,
    /// The sources selected by the filter.
    pub sources: Vec<&'a Source>,
    /// The selected sources to which the metric applies.
    pub telling: Vec<&'a Source>,
}

/// Default age of the changes that are reported.
pub const CHANGED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Options of an explanation.
#[derive(Debug, Clone)]
pub struct Explaining {
    /// Start of the changes to report.
    pub since: DateTime<Utc>,
    /// The period to compare with; `None`: none.
    pub compare: Option<CompareTo>,
    /// Dimensions of the drivers; empty: all dimensions that the metric can be grouped by.
    pub dimensions: Vec<Dimension>,
    /// Whether the range was requested as a number of days, even if it covers whole months.
    pub is_of_days: bool,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// The sums of a group, one for each bucket.
pub(super) type GroupSums = (Option<String>, Vec<Sums>);

impl<'a> Subject<'a> {
    /// Creates the value of `metric` for the range and the filter of `query`.
    pub fn new(catalog: &'a Catalog, query: &MetricQuery, metric: &'static Metric, group: Vec<GroupValue>) -> Self {
        let query = MetricQuery {
            metrics: vec![metric],
            dimensions: group.iter().map(|(dimension, _)| *dimension).collect(),
            buckets: vec![query.range],
            granularity: Granularity::None,
            totals_by: Vec::new(),
            top: None,
            order: None,
            limit: None,
            comparison: None,
            ..query.clone()
        };
        let mut sources = query.sources(catalog);
        let members = group.iter().map(|(_, value)| Member::of(value.clone())).collect();
        sources.retain(|source| Grouping::of(&[], &query.dimensions).is_fed_by(&members, source));
        let telling = sources.iter().copied().filter(|s| metric.requires.of(s) == Applicability::Applicable).collect();
        Self { query, group, metric, sources, telling }
    }

    /// Returns the same metric and group for another range.
    pub(super) fn within(&self, range: TimeRange) -> Self {
        let query = MetricQuery { range, buckets: vec![range], ..self.query.clone() };
        Self { query, ..self.clone() }
    }

    /// Returns the same metric and group as known at `at`.
    pub(super) fn as_known_at(&self, at: DateTime<Utc>) -> Self {
        let query = MetricQuery { as_known_at: Some(at), ..self.query.clone() };
        Self { query, ..self.clone() }
    }

    /// Returns the rows behind the value at `now`, for statements that run.
    pub(super) fn behind(&self, now: DateTime<Utc>) -> Behind<'_> {
        let Self { query, metric, group, telling, .. } = self;
        Behind { query, metric, group, sources: telling, is_shown: false, now }
    }

    /// Returns the value, computed by a normal query.
    pub(super) async fn value(
        &self,
        snapshot: &Snapshot,
        catalog: &Catalog,
        now: DateTime<Utc>,
    ) -> Result<Value, ReadError> {
        let answer = answer(snapshot, catalog, &self.query, now).await?;
        if self.group.is_empty() {
            return Ok(answer.totals.get(self.metric.id).cloned().unwrap_or_default());
        }
        let is_asked = |name: &str, value: &Option<String>| {
            self.group.iter().all(|(dimension, wanted)| dimension.as_str() != name || wanted == value)
        };
        let mut rows = answer.rows.into_iter();
        let row = rows.find(|row| row.dimensions.iter().all(|(name, value)| is_asked(name, value)));
        let value = row.and_then(|mut row| row.values.remove(self.metric.id));
        // A group for which no data were found has no row in the answer.
        let polled: Vec<&Source> = self.sources.iter().copied().filter(|source| source.is_enabled).collect();
        let nothing = || {
            let known_at = self.query.as_known_at.unwrap_or(now);
            null_rules::value(self.metric, &polled, std::iter::empty(), None, self.query.range, known_at)
        };
        Ok(value.unwrap_or_else(nothing))
    }

    /// Reads the sums of the value by `dimension`, in each of `buckets`, which must touch.
    pub(super) async fn sums_by(
        &self,
        snapshot: &Snapshot,
        dimension: Dimension,
        buckets: Vec<TimeRange>,
        now: DateTime<Utc>,
    ) -> Result<Vec<GroupSums>, ReadError> {
        let count = buckets.len();
        let range =
            buckets.first().zip(buckets.last()).map(|(first, last)| TimeRange { from: first.from, to: last.to });
        let mut query = MetricQuery { range: range.unwrap_or(self.query.range), buckets, ..self.query.clone() };
        if !query.dimensions.contains(&dimension) {
            query.dimensions.push(dimension);
        }
        let scanned = run::scan(snapshot, &query, &self.telling, query.as_known_at.unwrap_or(now)).await?;
        let mut groups = BTreeMap::<(bool, Option<String>), Vec<Sums>>::new();
        let grouping = Grouping::of(&self.telling, &query.dimensions);
        for contribution in &scanned.contributions {
            if grouping.source(contribution.source_id).is_none() {
                continue;
            }
            let values: Vec<Option<String>> = grouping.group(contribution).iter().map(Member::shown).collect();
            let is_of_group = self.group.iter().zip(&values).all(|((_, wanted), value)| wanted == value);
            let place = query.dimensions.iter().position(|other| *other == dimension);
            let Some(value) = place.and_then(|place| values.into_iter().nth(place)).filter(|_| is_of_group) else {
                continue;
            };
            let sums = groups.entry((value.is_none(), value)).or_insert_with(|| vec![Sums::default(); count]);
            if let Some(sums) = sums.get_mut(contribution.bucket) {
                sums.add(contribution.sums);
            }
        }
        Ok(groups.into_iter().map(|((_, value), sums)| (value, sums)).collect())
    }
}
