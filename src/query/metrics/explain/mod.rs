//! A figure that explains itself.
//!
//! [`explain`] says of one figure what it is made of, what was left out and why, what became of it since yesterday, what
//! moved it against the previous period, and the SQL that yields it; [`rows()`] gives the sessions, messages or presences
//! behind it. All of it is read from the rows the figure is made from ([`subject`]), and the figure itself comes from
//! the same answer as any other: nothing is worked out a second way.

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

/// Changes since so long ago are told where a question does not say.
pub const CHANGED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// A figure, and why it is what it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The metric.
    #[schema(example = "resolution_rate")]
    pub metric: &'static str,
    /// Grows when it changes its meaning.
    #[schema(example = 1)]
    pub definition_version: u16,
    /// Its name for people.
    pub label: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// Of money: its currency, ISO 4217. Absent: it is no money, or there are no prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What it means.
    pub description: &'static str,
    /// How it is worked out.
    pub formula: &'static str,
    /// When it is null.
    pub null_rule: &'static str,
    /// The range, and how far it is proven.
    pub bucket: Bucket,
    /// The figure.
    pub figure: Value,
    /// What it is made of.
    pub parts: Parts,
    /// What is in the range and not in it.
    pub left_out: LeftOut,
    /// What became of it since.
    pub changed: Changes,
    /// The previous period, and what moved the figure since; absent for a figure of the past (`as_known_at`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// One statement over the schema `analytics` that yields the figure.
    pub sql: String,
    /// Where the sessions, messages, presences or people behind it are; of what belongs to no session, where it is listed.
    #[schema(
        example = "/v1/metrics/rows?zone=Europe/Berlin&metrics=sessions&from=2026-11-18T00:00:00%2B01:00&to=2026-11-19T00:00:00%2B01:00"
    )]
    pub rows: String,
    /// How far the data is complete.
    pub freshness: Freshness,
}

/// Explains a figure as the catalog, which must reach back over the previous period, and the present allow.
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

/// What is asked about a figure.
#[derive(Debug, Clone)]
pub struct Explaining {
    /// Changes since then.
    pub since: DateTime<Utc>,
    /// Drivers by these dimensions; empty: by all the metric can be grouped by.
    pub dimensions: Vec<Dimension>,
    /// Whether the range was asked for in days, whatever months it covers.
    pub is_of_days: bool,
    /// The present.
    pub now: DateTime<Utc>,
    /// When freshness is called stale.
    pub stale_after: TimeDelta,
}

/// The figure, as any question is answered.
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
    // a group of which nothing was found is no row there
    let polled: Vec<&Source> = subject.sources.iter().copied().filter(|source| source.is_enabled).collect();
    let nothing = || {
        let known_at = subject.query.as_known_at.unwrap_or(now);
        cell::value(subject.metric, &polled, std::iter::empty(), None, subject.query.range, known_at)
    };
    Ok(value.unwrap_or_else(nothing))
}
