//! Metrics: their definitions, and the answer to a query for several of them.
//!
//! [`registry`] lists what is measured ([`measure`]), [`dimension`] the groupings. A [`query`] names metrics,
//! dimensions, a range and its buckets. `reader` decides which reads it needs: [`scan`] reads numbers, one statement
//! for metrics with the same grain and time column (`pass` groups the metrics, `select` and `from_clause` write the
//! SQL, `reach` leaves out what need not be read), and [`concurrency`] reads metrics along time. `table` combines
//! sources into groups and buckets, `top` and [`compare`] choose the groups and the period, and `assemble` builds the
//! [`mod@answer`].
//! [`null_rules`] decides between null and zero, and [`status`] states how far a bucket is proven. [`explain`] explains
//! where a value comes from, [`as_of`] reads it as of an earlier time, [`publish`] writes the registry for analysts.

pub mod answer;
pub mod as_of;
mod assemble;
mod columns;
pub mod compare;
pub mod concurrency;
mod counted_sessions;
pub mod dimension;
pub mod explain;
pub mod filter;
pub mod grain;
mod group;
pub mod hour_of_week;
pub mod measure;
pub mod null_rules;
mod pass;
pub mod publish;
pub mod query;
mod reach;
mod reader;
pub mod registry;
pub mod request_echo;
pub mod requires;
mod rows_link;
pub mod scan;
mod select;
mod from_clause;
pub mod statement;
pub mod status;
mod table;
pub mod time_column;
mod top;
pub mod value;
mod warnings;

use chrono::{DateTime, Utc};

use crate::query::ReadError;
use crate::query::catalog::Catalog;
use crate::query::metrics::answer::Answer;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::reader::Reader;
use crate::query::metrics::registry::MONEY;
use crate::query::rate_cards;
use crate::query::snapshot::Snapshot;

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
        currency: currency.as_deref(),
    };
    assemble::answer(&parts, (query, &findings), before)
}
