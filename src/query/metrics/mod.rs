//! Metrics: their definitions, and the answer to a query for several of them.
//!
//! A query names metrics, dimensions, a range and its buckets. [`scan`] reads numbers from the database, one
//! statement for metrics with the same rows and time (`pass` groups the metrics, `select` and `source` write the SQL,
//! `reach` leaves out what need not be read), and [`exact`] reads metrics along time. [`reader`] decides which of
//! these are needed, [`table`] combines sources into groups and buckets, [`top`] and [`compare`] choose the groups
//! and the period, and [`assemble`] builds the answer.
//! [`cell`] has the rules for null and zero, and [`status`] states how far a bucket is proven. [`explain`] explains
//! where a value comes from, [`hindsight`] reads it as of an earlier time. Only [`registry`] defines what is measured
//! and [`dimension`] the groupings; [`definitions`] and [`functions`] publish them for analysts.

pub mod answer;
pub mod assemble;
pub mod attribution;
pub mod cell;
mod columns;
pub mod compare;
pub mod definitions;
pub mod dimension;
mod echo;
pub mod exact;
pub mod explain;
pub mod filter;
pub mod functions;
mod group;
pub mod heat;
pub mod hindsight;
mod pass;
mod predicate;
mod reach;
mod reader;
pub mod registry;
pub mod scan;
mod select;
mod source;
pub mod statement;
pub mod status;
pub mod sweep;
mod table;
pub mod top;
mod warnings;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::query::ReadError;
use crate::query::bucket::Granularity;
use crate::query::catalog::{Catalog, Source};
use crate::query::metrics::answer::Answer;
use crate::query::metrics::attribution::Attribution;
use crate::query::metrics::compare::Comparison;
use crate::query::metrics::dimension::Dimension;
pub use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::reader::Reader;
use crate::query::metrics::registry::{Applicability, MONEY, Metric};
use crate::query::metrics::top::Top;
use crate::query::range::TimeRange;
use crate::query::rate_cards;
use crate::query::snapshot::Snapshot;

/// Most metrics of a query.
pub const MAX_METRICS: usize = 10;
/// Most dimensions of a query.
pub const MAX_DIMENSIONS: usize = 4;
/// Most rows of an answer: buckets times the groups found.
pub const MAX_ROWS: usize = 100_000;

/// A query for metric values, valid by construction.
#[derive(Debug, Clone)]
pub struct MetricQuery {
    /// The metrics.
    pub metrics: Vec<&'static Metric>,
    /// The dimensions to group by.
    pub dimensions: Vec<Dimension>,
    /// The range.
    pub range: TimeRange,
    /// The buckets of the range, in order.
    pub buckets: Vec<TimeRange>,
    /// The granularity of the buckets.
    pub granularity: Granularity,
    /// The zone of the calendar.
    pub zone: Tz,
    /// The name of the zone in the database's time zone table.
    pub zone_name: &'static str,
    /// The filter of sessions.
    pub filter: MetricFilter,
    /// The instant as of whose knowledge values are read; `None`: as known now.
    pub as_known_at: Option<DateTime<Utc>>,
    /// Bucket in which sessions that span several buckets are counted.
    pub attribution: Attribution,
    /// Dimensions of the sub-totals; a subset of `dimensions`.
    pub totals_by: Vec<Dimension>,
    /// The groups that are shown separately; `None`: all.
    pub top: Option<Top>,
    /// The period to compare with.
    pub comparison: Option<Comparison>,
}

impl MetricQuery {
    /// Returns the dimensions that belong to rows and not to the source.
    pub(super) fn row_dimensions(&self) -> impl Iterator<Item = Dimension> {
        self.dimensions.iter().copied().filter(|dimension| dimension.column().is_some())
    }

    /// Returns the sources that can have matching sessions; the others neither contribute to a value nor make it
    /// zero.
    pub fn sources<'a>(&self, catalog: &'a Catalog) -> Vec<&'a Source> {
        let mut sources = catalog.select(&self.filter.sources);
        sources.retain(|source| self.filter.can_be_met_by(source));
        sources
    }

    /// Returns the sources to which at least one of the metrics applies, which the answer is based on; if there are
    /// none, all sources.
    pub fn telling<'a>(&self, sources: &[&'a Source]) -> Vec<&'a Source> {
        telling(&self.metrics, sources)
    }

    /// Returns the same query for the period it is compared with.
    fn before(&self, comparison: &Comparison) -> Self {
        let Comparison { range, buckets, .. } = comparison;
        Self { range: *range, buckets: buckets.clone(), comparison: None, ..self.clone() }
    }
}

fn telling<'a>(metrics: &[&Metric], sources: &[&'a Source]) -> Vec<&'a Source> {
    let can_tell = |source: &&Source| metrics.iter().any(|metric| metric.needs.of(source) == Applicability::Applicable);
    let telling: Vec<&Source> = sources.iter().copied().filter(can_tell).collect();
    if telling.is_empty() { sources.to_vec() } else { telling }
}

/// Returns the currency of the values, if some are money and there are prices.
async fn currency(snapshot: &Snapshot, metrics: &[&Metric]) -> Result<Option<String>, ReadError> {
    let has_money = metrics.iter().any(|metric| metric.unit == MONEY);
    if has_money { rate_cards::currency(snapshot).await } else { Ok(None) }
}

/// Answers a query. The catalog and `now` decide what may be stated.
pub async fn answer(
    snapshot: &Snapshot,
    catalog: &Catalog,
    query: &MetricQuery,
    now: DateTime<Utc>,
    stale_after: TimeDelta,
) -> Result<Answer, ReadError> {
    let sources = query.sources(catalog);
    // A bucket that was not over at that instant was not fully known then.
    let known_at = query.as_known_at.unwrap_or(now);
    let reader = Reader { snapshot, sources: &sources, now: known_at };
    let scanned = reader.scan(query).await?;
    let fold = match query.top {
        Some(top) => Some(top::rank(&reader, query, &scanned, top).await?),
        None => None,
    };
    let findings = reader.rest(query, scanned, fold.as_ref()).await?;
    let before = match &query.comparison {
        Some(comparison) => {
            let before = query.before(comparison);
            let scanned = reader.scan(&before).await?;
            let findings = reader.rest(&before, scanned, fold.as_ref()).await?;
            Some((before, findings))
        }
        None => None,
    };
    let before = before.as_ref().map(|(query, findings)| (query, findings));
    let currency = currency(snapshot, &query.metrics).await?;
    let parts = assemble::Parts {
        catalog,
        sources: &sources,
        fold: fold.as_ref(),
        now,
        known_at,
        stale_after,
        currency: currency.as_deref(),
    };
    assemble::answer(&parts, (query, &findings), before)
}
