//! The rows behind a metric value, each with its contribution.
//!
//! The contribution of a row comes from the numbers of the metric itself, so rows and value cannot disagree.
//! Contributions are rounded to the digits of the answer one after the other. The rounding difference is carried on
//! to the next row and, in the cursor, to the next page, so that all contributions add up to the value to the last
//! digit. The rows of a maximum are those present when it was first reached; for an average over time, each row
//! contributes its share of the time.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgRow;
use utoipa::ToSchema;

use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::measure::Measure;
use crate::query::metrics::sql::behind::Behind;
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// End of a page: the sort key of its last row, and the rounding difference up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPosition {
    /// The row's time.
    pub at: DateTime<Utc>,
    /// Its source.
    pub source_id: i32,
    /// Its session.
    pub session_id: i64,
    /// Id of the row within the session.
    pub row_id: String,
    /// The rounding difference, less than one unit of the last digit.
    pub carried: String,
}

impl RowPosition {
    /// Returns the rounding difference; a manipulated cursor cannot carry one that matters.
    fn carried(&self) -> Decimal {
        self.carried.parse::<Decimal>().ok().filter(|left| left.abs() < Decimal::ONE).unwrap_or_default()
    }
}

/// A session, message or presence that contributes to a value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContributingRow {
    /// The time that puts the row into the range: the metric's anchor or, where that is not known, the start of its
    /// session.
    pub at: DateTime<Utc>,
    /// The session; see `/v1/sessions/{session_id}`.
    pub session_id: i64,
    /// Slug of its source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// The provider's id, unchanged.
    pub provider_session_id: String,
    /// `avatar`, `chat`, `meeting` or `livestream`.
    pub session_kind: String,
    /// `live`, `ended`, `open`, `never_started` or `unknown`, as of now.
    pub session_state: String,
    /// `resolved`, `unresolved`, `open`, `unknown` or `not_applicable`, as of now.
    pub outcome: String,
    /// Way of contact.
    pub channel: Option<String>,
    /// Id of the message (the provider's), presence (ours), reply (its position) or person (a pseudonym) within the
    /// session; absent: the session is the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_id: Option<String>,
    /// Contribution to the value, for a ratio to the numerator; all contributions add up to the value.
    pub contribution: Number,
    /// For a ratio: contribution to the denominator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Number>,
    /// Whether the row lacks its time or data that the metric needs, or is a session whose rows were never fetched.
    pub is_unknown: bool,
    /// Missing values of the row, if it `is_unknown`; all of them add up to the `unknown_count` of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_count: Option<i64>,
    /// The end of a page whose last row is this one.
    #[serde(skip)]
    pub position: RowPosition,
}

/// Returns up to `limit` rows of the value, in the order of their time, after `after`.
pub async fn rows(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    after: Option<RowPosition>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<ContributingRow>, ReadError> {
    let mut carried = after.as_ref().map_or(Decimal::ZERO, RowPosition::carried);
    let known_at = subject.query.as_known_at.unwrap_or(now);
    let behind = subject.behind(known_at);
    let contributions = if subject.metric.is_along_time() {
        behind.present_or_unknown(present_range(snapshot, subject, known_at).await?)
    } else {
        Some(behind.contributions())
    };
    let Some(contributions) = contributions else { return Ok(Vec::new()) };
    let after = after.map(|row| (row.at, row.source_id, row.session_id, row.row_id));
    let found = Behind::page(contributions, after, limit).fetch_all(snapshot).await;
    let found = found.map_err(reading("the rows of a metric value"))?;
    let is_ratio = subject.metric.is_ratio();
    found
        .iter()
        .map(|row| take(row, is_ratio, &mut carried))
        .collect::<Result<_, _>>()
        .map_err(reading("the rows of a metric value"))
}

/// Returns the range in which rows along time are present: for a maximum, the instant at which it was first reached.
async fn present_range(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<Option<TimeRange>, ReadError> {
    if subject.metric.measure != Measure::Peak {
        let range = TimeRange { to: subject.query.range.to.min(now), ..subject.query.range };
        return Ok(Some(range).filter(|range| range.from < range.to));
    }
    let what = "the time of a maximum";
    let rows = subject.behind(now).first_reached().fetch_all(snapshot).await.map_err(reading(what))?;
    let at: Option<DateTime<Utc>> = rows.first().map(|row| row.try_get("at")).transpose().map_err(reading(what))?;
    // The instant alone: a presence that ends in it is not included.
    Ok(at.map(|at| TimeRange { from: at, to: at + TimeDelta::microseconds(1) }))
}

fn take(row: &PgRow, is_ratio: bool, carried: &mut Decimal) -> Result<ContributingRow, sqlx::Error> {
    let exact = row.try_get::<Option<Decimal>, _>("value")?.unwrap_or_default();
    let due = exact.saturating_add(*carried);
    let given = due.round_dp_with_strategy(Number::DIGITS, RoundingStrategy::MidpointAwayFromZero);
    *carried = due - given;
    let (at, source_id, session_id) = (row.try_get("at")?, row.try_get("source_id")?, row.try_get("session_id")?);
    let row_id: String = row.try_get("row_id")?;
    let denominator = row.try_get::<Option<Decimal>, _>("known")?.unwrap_or_default();
    let unknown = Some(row.try_get::<i64, _>("unknown")?).filter(|unknown| *unknown > 0);
    Ok(ContributingRow {
        at,
        session_id,
        source: row.try_get("source")?,
        provider: row.try_get("provider")?,
        provider_session_id: row.try_get("provider_session_id")?,
        session_kind: row.try_get("session_kind")?,
        session_state: row.try_get("session_state")?,
        outcome: row.try_get("outcome")?,
        channel: row.try_get("channel")?,
        row_id: Some(row_id.clone()).filter(|id| !id.is_empty()),
        contribution: Number(given),
        denominator: is_ratio.then_some(Number(denominator)),
        is_unknown: unknown.is_some(),
        unknown_count: unknown,
        position: RowPosition { at, source_id, session_id, row_id, carried: carried.to_string() },
    })
}
