//! Figures: what a metric means, and how a question about several of them is answered.
//!
//! A question names metrics, dimensions, a range and its buckets. [`scan`] reads numbers from the database, one statement
//! for those that have rows and time in common (which ones is said in `pass`, how in `select` and `source`, how far it must
//! reach in `reach`), and [`exact`] what is swept along time. [`reader`] knows which of these are needed, [`table`] puts
//! sources together into groups and buckets, [`top`] and [`compare`] say which groups and which period, and [`assemble`]
//! makes the answer.
//! [`cell`] decides what a figure may claim, and [`status`] how far its bucket is proven. [`explain`] says where a figure
//! comes from, [`hindsight`] what it was at an earlier time. [`registry`] is the only place that knows what is measured,
//! [`dimension`] by what; [`definitions`] and [`functions`] write it down for analysts.

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

/// Most metrics of a question.
pub const MAX_METRICS: usize = 10;
/// Most dimensions of a question.
pub const MAX_DIMENSIONS: usize = 4;
/// Most rows of an answer: buckets times the groups found.
pub const MAX_ROWS: usize = 100_000;

/// A question about figures, valid by construction.
#[derive(Debug, Clone)]
pub struct MetricQuery {
    /// What to measure.
    pub metrics: Vec<&'static Metric>,
    /// What to group by.
    pub dimensions: Vec<Dimension>,
    /// When.
    pub range: TimeRange,
    /// The range in pieces, in order.
    pub buckets: Vec<TimeRange>,
    /// How it was cut.
    pub granularity: Granularity,
    /// Whose calendar.
    pub zone: Tz,
    /// The name of the zone in the database's own table of zones.
    pub zone_name: &'static str,
    /// Which sessions.
    pub filter: MetricFilter,
    /// The figures as they were known then; `None`: as they are known now.
    pub as_known_at: Option<DateTime<Utc>>,
    /// Where sessions that reach over several buckets are counted.
    pub attribution: Attribution,
    /// By what sub-totals are wanted; some of the dimensions.
    pub totals_by: Vec<Dimension>,
    /// Which groups are shown by themselves; `None`: all.
    pub top: Option<Top>,
    /// With what it is compared.
    pub comparison: Option<Comparison>,
}

impl MetricQuery {
    /// Those dimensions that belong to rows and not to the source.
    pub(super) fn row_dimensions(&self) -> impl Iterator<Item = Dimension> {
        self.dimensions.iter().copied().filter(|dimension| dimension.column().is_some())
    }

    /// The sources that can hold what is asked for; the others neither feed a figure nor make it zero.
    pub fn sources<'a>(&self, catalog: &'a Catalog) -> Vec<&'a Source> {
        let mut sources = catalog.select(&self.filter.sources);
        sources.retain(|source| self.filter.can_be_met_by(source));
        sources
    }

    /// Those of the sources that can tell one of the metrics, on which the answer rests; where none can, all of them.
    pub fn telling<'a>(&self, sources: &[&'a Source]) -> Vec<&'a Source> {
        telling(&self.metrics, sources)
    }

    /// The same question about the period it is compared with.
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

/// The currency of the figures, where some are money and there are prices.
async fn currency(snapshot: &Snapshot, metrics: &[&Metric]) -> Result<Option<String>, ReadError> {
    let has_money = metrics.iter().any(|metric| metric.unit == MONEY);
    if has_money { rate_cards::currency(snapshot).await } else { Ok(None) }
}

/// Answers a question, as the catalog and the present allow.
pub async fn answer(
    snapshot: &Snapshot,
    catalog: &Catalog,
    query: &MetricQuery,
    now: DateTime<Utc>,
    stale_after: TimeDelta,
) -> Result<Answer, ReadError> {
    let sources = query.sources(catalog);
    // what was not over then was not known then
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
