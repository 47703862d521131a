//! Explanations of metric values.
//!
//! [`explain`] returns the composition of one value, the rows it excludes and why, its changes since yesterday, the
//! drivers of its change since the compared period, and the SQL that computes it. [`rows()`] returns the sessions,
//! messages or presences behind it. All of this uses the rows that the value is computed from ([`subject`]), and the
//! value itself comes from a normal metrics query, so that the two cannot differ.

mod changes;
mod drivers;
mod exclusions;
mod composition;
mod previous;
mod rows;
mod subject;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::changes::{ChangedField, Changes};
pub use self::composition::{Composition, Part};
pub use self::drivers::{Driver, Drivers, Other};
pub use self::exclusions::{Exclusions, RowClasses, Stretch};
pub use self::previous::{Previous, before};
pub use self::rows::{ContributingRow, RowPosition, rows};
pub use self::subject::{CHANGED_WITHIN, Explaining, GroupValue, Subject};
use crate::query::ReadError;
use crate::query::calendar::in_zone;
use crate::query::catalog::Catalog;
use crate::query::freshness::Freshness;
use crate::query::metrics::as_of;
use crate::query::metrics::currency;
use crate::query::metrics::fold::null_rules;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::response::answer::TimeBucket;
use crate::query::metrics::response::rows_link;
use crate::query::metrics::response::value::{Figure, Value};
use crate::query::metrics::sql::behind::Behind;
use crate::query::snapshot::Snapshot;

/// A metric value and its explanation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The metric.
    pub metric: &'static str,
    /// Version of the definition; increases when its meaning changes.
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
    /// Formula of the value, with the rows that it leaves out and those that are unknown.
    pub formula: String,
    /// Reasons for a null value, besides data that is not complete yet.
    pub null_rule: String,
    /// The range, and how far it is proven.
    pub bucket: TimeBucket,
    /// The value.
    pub figure: Figure,
    /// Composition of the value.
    pub parts: Composition,
    /// Rows in the range that the value excludes.
    pub left_out: Exclusions,
    /// All rows in scope, by class: counted, unknown, or excluded for a reason.
    pub classes: RowClasses,
    /// Changes since an earlier time.
    pub changed: Changes,
    /// The compared period, and the drivers of the change since; absent for a past value (`as_known_at`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// One SQL statement over the schema `analytics` that computes the value.
    pub sql: String,
    /// Link to the sessions, messages, presences or people behind the value; for metrics whose rows belong to no
    /// session, link to the list of those rows.
    pub rows: String,
    /// Completeness of the data.
    pub freshness: Freshness,
}

/// Explains a value. The catalog must cover the compared period as well as the range.
pub async fn explain(
    snapshot: &Snapshot,
    catalog: &Catalog,
    subject: &Subject<'_>,
    question: &Explaining,
) -> Result<Explanation, ReadError> {
    let Explaining { since, now, compare, .. } = *question;
    let metric = subject.metric;
    let known_at = subject.query.as_known_at.unwrap_or(now);
    let figure = subject.value(snapshot, catalog, now).await?;
    let mut told_by = subject.group.iter().map(|(dimension, _)| *dimension).chain(subject.query.filter.fields());
    let value_then = if as_of::is_kept(metric) && told_by.all(as_of::is_dimension_kept) {
        Some(subject.as_known_at(since).value(snapshot, catalog, now).await?)
    } else {
        None
    };
    let by = composition::dimension(metric);
    let groups = if metric.is_along_time() {
        Vec::new()
    } else {
        subject.sums_by(snapshot, by, vec![subject.query.range], now).await?
    };
    let previous = match compare.filter(|_| subject.query.as_known_at.is_none()) {
        Some(to) => Some(previous::of(snapshot, catalog, subject, &figure, question, to).await?),
        None => None,
    };
    let status = BucketStatus::of(&null_rules::proving(&subject.telling), subject.query.range, known_at);
    let zone = subject.query.zone;
    Ok(Explanation {
        metric: metric.id,
        definition_version: metric.version,
        label: metric.label,
        unit: metric.unit,
        currency: currency(snapshot, catalog, &subject.query.metrics).await?,
        description: metric.description,
        formula: metric.whole_formula(),
        null_rule: metric.null_rule(),
        bucket: TimeBucket {
            start: in_zone(zone, subject.query.range.from),
            end: in_zone(zone, subject.query.range.to),
            status,
            is_partial: false,
        },
        parts: composition::of(metric, by, groups),
        left_out: exclusions::of(snapshot, subject, figure.unknown_count.unwrap_or(0), now).await?,
        changed: changes::since(snapshot, subject, since, value_then, known_at).await?,
        previous,
        classes: exclusions::classes(snapshot, subject, known_at).await?,
        sql: shown(subject, &figure, known_at),
        rows: rows_link::of(&subject.query, metric, &subject.group),
        freshness: Freshness::over(catalog, &subject.sources, Some(subject.query.range), now),
        figure,
    })
}

/// Returns the statement that computes `figure`, for a role that may read `analytics`. Knowledge that is not in the
/// rows appears as a comment, and makes the value null where it is null.
fn shown(subject: &Subject<'_>, figure: &Value, now: DateTime<Utc>) -> String {
    let metric = subject.metric;
    let header = format!("-- {} ({}): {}\n", metric.label, metric.id, metric.whole_formula());
    let note = match figure.reason {
        Some(reason) if subject.telling.is_empty() => {
            return format!("{header}-- {reason}: no selected source has a value\nselect null::numeric as value;\n");
        }
        Some("unknown" | "no_data") | None => String::new(),
        Some(status) => format!("-- {status}: the range is not proven complete, so an empty result is not 0\n"),
    };
    let behind = Behind { is_shown: true, ..subject.behind(now) };
    format!("{header}{note}{};\n", behind.figure(!note.is_empty()).literal(subject.query.zone))
}
