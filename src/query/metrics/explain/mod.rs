//! Explanations of metric values.
//!
//! [`explain`] returns the composition of one value, the rows it excludes and why, its changes since yesterday, the
//! drivers of its change since the previous period, and the SQL that computes it. [`rows()`] returns the sessions,
//! messages or presences behind it. All of this uses the rows that the value is computed from ([`subject`]), and the
//! value itself comes from a normal metrics query, so that the two cannot differ.

mod changes;
mod drivers;
mod left_out;
mod link;
mod parts;
mod peak;
mod piece;
mod previous;
mod rows;
mod sql;
mod subject;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::changes::{ChangedField, Changes};
pub use self::drivers::{Driver, Drivers, Other};
pub use self::left_out::{LeftOut, Stretch};
pub use self::link::template;
pub(super) use self::link::template_of_rest;
pub use self::parts::{Part, Parts};
pub use self::previous::{Previous, before};
pub use self::rows::{ContributingRow, RowPosition, rows};
pub use self::subject::{GroupValue, Subject};
use crate::query::ReadError;
use crate::query::calendar::in_zone;
use crate::query::catalog::{Catalog, Source};
use crate::query::freshness::Freshness;
use crate::query::metrics::answer::{Bucket, Value};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::status::BucketStatus;
use crate::query::metrics::{answer, cell, currency, hindsight};
use crate::query::snapshot::Snapshot;

/// Default age of the changes that are reported.
pub const CHANGED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// A metric value and its explanation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The metric.
    #[schema(example = "resolution_rate")]
    pub metric: &'static str,
    /// Version of the definition; increases when its meaning changes.
    #[schema(example = 1)]
    pub definition_version: u16,
    /// Display name.
    pub label: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Currency of money, ISO 4217. Absent: the unit is not money, or there are no prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Meaning of the metric.
    pub description: &'static str,
    /// Formula of the value.
    pub formula: &'static str,
    /// Reasons for a null value, besides data that is not complete yet.
    pub null_rule: &'static str,
    /// The range, and how far it is proven.
    pub bucket: Bucket,
    /// The value.
    pub figure: Value,
    /// Composition of the value.
    pub parts: Parts,
    /// Rows in the range that the value excludes.
    pub left_out: LeftOut,
    /// Changes since an earlier time.
    pub changed: Changes,
    /// The previous period, and the drivers of the change since; absent for a past value (`as_known_at`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// One SQL statement over the schema `analytics` that computes the value.
    pub sql: String,
    /// Link to the sessions, messages, presences or people behind the value; for metrics whose rows belong to no
    /// session, link to the list of those rows.
    #[schema(
        example = "/v1/metrics/rows?zone=Europe/Berlin&metrics=sessions&from=2026-11-18T00:00:00%2B01:00&to=2026-11-19T00:00:00%2B01:00"
    )]
    pub rows: String,
    /// Completeness of the data.
    pub freshness: Freshness,
}

/// Explains a value. The catalog must cover the previous period as well as the range.
pub async fn explain(
    snapshot: &Snapshot,
    catalog: &Catalog,
    subject: &Subject<'_>,
    question: &Explaining,
) -> Result<Explanation, ReadError> {
    let Explaining { since, now, stale_after, .. } = *question;
    let metric = subject.metric;
    let known_at = subject.query.as_known_at.unwrap_or(now);
    let figure = figure(snapshot, catalog, subject, now).await?;
    let mut told_by = subject.group.iter().map(|(dimension, _)| *dimension).chain(subject.query.filter.fields());
    let value_then = if hindsight::is_kept(metric) && told_by.all(hindsight::is_dimension_kept) {
        Some(self::figure(snapshot, catalog, &subject.as_known_at(since), now).await?)
    } else {
        None
    };
    let by = parts::dimension(metric);
    let groups = if metric.additivity.is_along_time() {
        Vec::new()
    } else {
        subject.sums_by(snapshot, by, vec![subject.query.range], now).await?
    };
    let previous = match subject.query.as_known_at {
        None => Some(previous::of(snapshot, catalog, subject, &figure, question).await?),
        Some(_) => None,
    };
    let status = BucketStatus::of(&cell::proving(&subject.telling), subject.query.range, known_at);
    let zone = subject.query.zone;
    Ok(Explanation {
        metric: metric.id,
        definition_version: metric.version,
        label: metric.label,
        unit: metric.unit,
        currency: currency(snapshot, &subject.query.metrics).await?,
        description: metric.description,
        formula: metric.formula,
        null_rule: metric.null_rule,
        bucket: Bucket {
            start: in_zone(zone, subject.query.range.from),
            end: in_zone(zone, subject.query.range.to),
            status,
        },
        parts: parts::of(metric, by, groups),
        left_out: left_out::of(snapshot, subject, figure.unknown_count.unwrap_or(0), now).await?,
        changed: changes::since(snapshot, subject, since, value_then, known_at).await?,
        previous,
        sql: sql::of(subject, &figure, known_at),
        rows: link::of(subject),
        freshness: Freshness::over(catalog, &subject.sources, Some(subject.query.range), now, stale_after),
        figure,
    })
}

/// Options of an explanation.
#[derive(Debug, Clone)]
pub struct Explaining {
    /// Start of the changes to report.
    pub since: DateTime<Utc>,
    /// Dimensions of the drivers; empty: all dimensions that the metric can be grouped by.
    pub dimensions: Vec<Dimension>,
    /// Whether the range was requested as a number of days, even if it covers whole months.
    pub is_of_days: bool,
    /// The current time.
    pub now: DateTime<Utc>,
    /// Age at which data count as stale.
    pub stale_after: TimeDelta,
}

/// Returns the value, computed by a normal query.
pub(super) async fn figure(
    snapshot: &Snapshot,
    catalog: &Catalog,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<Value, ReadError> {
    let answer = answer(snapshot, catalog, &subject.query, now, CHANGED_WITHIN).await?;
    if subject.group.is_empty() {
        return Ok(answer.totals.get(subject.metric.id).cloned().unwrap_or_default());
    }
    let is_asked = |name: &str, value: &Option<String>| {
        subject.group.iter().all(|(dimension, wanted)| dimension.as_str() != name || wanted == value)
    };
    let mut rows = answer.rows.into_iter();
    let row = rows.find(|row| row.dimensions.iter().all(|(name, value)| is_asked(name, value)));
    let value = row.and_then(|mut row| row.values.remove(subject.metric.id));
    // A group for which no data were found has no row in the answer.
    let polled: Vec<&Source> = subject.sources.iter().copied().filter(|source| source.is_enabled).collect();
    let nothing = || {
        let known_at = subject.query.as_known_at.unwrap_or(now);
        cell::value(subject.metric, &polled, std::iter::empty(), None, subject.query.range, known_at)
    };
    Ok(value.unwrap_or_else(nothing))
}
