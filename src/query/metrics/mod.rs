//! Metrics: their definitions, and the answer to a query for several of them.
//!
//! Definitions: [`registry`] lists what is measured ([`measure`]): typed expressions over the [columns](mod@column) of
//! a [`grain`], by a [`time_column`], at sources that fulfil [`requires`], grouped by a [`dimension`].
//!
//! The way of a query, each room naming only those before it: [`query`] is valid by construction; `plan` groups its
//! metrics into scans; [`sql`] writes the statements; [`run`] reads numbers, as far as `reader` says they are needed;
//! `fold` combines sources into groups and buckets and decides between null and zero; `response` is the answer.
//! [`explain`] and [`publish`] use the same plan and SQL.

pub mod as_of;
mod closed_hours;
pub mod column;
pub mod compare;
pub mod dimension;
pub mod explain;
pub mod filter;
mod fold;
pub mod formula;
pub mod grain;
pub mod measure;
mod plan;
pub mod publish;
pub mod query;
mod reader;
pub mod registry;
pub mod requires;
mod response;
pub mod run;
pub mod sql;
pub mod time_column;
mod unmatched;

pub use self::fold::status;
pub use self::response::{answer, hour_of_week, request_echo, series, value};

use chrono::{DateTime, Utc};

use crate::query::ReadError;
use crate::query::catalog::Catalog;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::reader::Reader;
use crate::query::metrics::registry::MONEY;
use crate::query::metrics::response::answer::Answer;
use crate::query::rate_cards;
use crate::query::snapshot::Snapshot;

/// Returns the currency of the values, if some are money and there are prices.
async fn currency(snapshot: &Snapshot, catalog: &Catalog, metrics: &[&Metric]) -> Result<Option<String>, ReadError> {
    if !metrics.iter().any(|metric| metric.unit == MONEY) {
        return Ok(None);
    }
    let source_ids: Vec<i32> = catalog.sources.iter().map(|source| source.source_id).collect();
    rate_cards::currency(snapshot, &source_ids).await
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
        Some(top) => Some(fold::top::rank(&reader, query, &scanned, top).await?),
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
    let currency = currency(snapshot, catalog, &query.metrics).await?;
    let parts = response::Parts {
        catalog,
        sources: &sources,
        fold: fold.as_ref(),
        now,
        known_at,
        currency: currency.as_deref(),
    };
    let mut answer = response::assemble(&parts, (query, &findings), before)?;
    answer.warnings.extend(unmatched::warnings(&reader, query, &answer).await?);
    Ok(answer)
}
