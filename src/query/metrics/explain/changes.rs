//! Changes of a metric value since an earlier time: sessions added, changed and removed, and the earlier value.
//!
//! It is based on the recorded changes of sessions. The earlier value is available only if the metric uses recorded
//! fields alone ([`crate::query::metrics::as_of`]); the sessions added or changed are always available.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use utoipa::ToSchema;

use crate::query::metrics::explain::subject::{Counting, Naming, Subject};
use crate::query::metrics::statement::Statement;
use crate::query::metrics::value::Value;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// Changes of a metric value since an earlier time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changes {
    /// The earlier time.
    pub since: DateTime<Utc>,
    /// The value as it was known then; absent if the fields it depends on are not recorded (`not_kept`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_then: Option<Value>,
    /// `not_kept`: earlier values of the fields that the metric depends on are not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not_kept")]
    pub reason: Option<&'static str>,
    /// Sessions behind the value that were first seen since.
    pub sessions_new: i64,
    /// Sessions behind the value that were known then and have changed since.
    pub sessions_changed: i64,
    /// Sessions that were counted then and are not counted any more; absent if that is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_gone: Option<i64>,
    /// Fields of `sessions_changed` that changed, most frequent first.
    pub fields: Vec<ChangedField>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedField {
    /// The field, as in `analytics.session_changes`.
    #[schema(example = "outcome")]
    pub field: String,
    /// Number of these sessions.
    pub session_count: i64,
}

impl Changes {
    /// Returns no changes, for metrics whose rows belong to no session.
    fn none(since: DateTime<Utc>) -> Self {
        let (value_then, reason, sessions_gone, fields) = (None, None, None, Vec::new());
        Self { since, value_then, reason, sessions_new: 0, sessions_changed: 0, sessions_gone, fields }
    }
}

const WHAT: &str = "the changes of a metric value";

/// Returns the changes since an instant; `value_then` is the value as it was known, if available.
pub(super) async fn since(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    since: DateTime<Utc>,
    value_then: Option<Value>,
    now: DateTime<Utc>,
) -> Result<Changes, ReadError> {
    let is_kept = value_then.is_some();
    if subject.metric.grain.listed_at().is_some() {
        return Ok(Changes { reason: Some("not_kept"), ..Changes::none(since) });
    }
    let mut sql = push_cell(subject, now);
    sql.push(" select (select count(*) from cell where first_seen_at > ").push_bind(since);
    sql.push(") as new, count(distinct (c.source_id, c.provider_session_id)) as changed from cell join changed c on ");
    sql.push("c.source_id = cell.source_id and c.provider_session_id = cell.provider_session_id where cell.first_seen_at <= ");
    let mut counts = with_changed(subject, since);
    counts.append(sql).push_bind(since);
    let rows = counts.fetch_all(snapshot).await.map_err(reading(WHAT))?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(reading(WHAT))?;
    let (sessions_new, sessions_changed) =
        row.try_get("new").and_then(|new| Ok((new, row.try_get("changed")?))).map_err(reading(WHAT))?;
    Ok(Changes {
        since,
        value_then,
        reason: (!is_kept).then_some("not_kept"),
        sessions_new,
        sessions_changed,
        sessions_gone: if is_kept { Some(gone(snapshot, subject, since, now).await?) } else { None },
        fields: fields(snapshot, subject, since, now).await?,
    })
}

/// Begins a statement with all changes since an instant, of the sources in question.
fn with_changed(subject: &Subject<'_>, since: DateTime<Utc>) -> Statement {
    let mut sql = Statement::new(
        "with changed as (select c.source_id, c.provider_session_id, c.field from analytics.session_changes c where c.changed_at > ",
    );
    sql.push_bind(since).push(" and c.source_id = any(").push_bind(subject.telling_ids()).push("))");
    sql
}

/// Returns the sessions behind the value, as `cell`.
fn push_cell(subject: &Subject<'_>, now: DateTime<Utc>) -> Statement {
    let mut sql =
        Statement::new(", cell as (select distinct s.source_id, s.session_id, s.provider_session_id, s.first_seen_at");
    push_sessions(&mut sql, subject, now);
    sql.push(")");
    sql
}

/// Adds the sessions behind the value; for metrics along time, the sessions that began in the range.
fn push_sessions(sql: &mut Statement, subject: &Subject<'_>, now: DateTime<Utc>) {
    if subject.metric.additivity.is_along_time() {
        subject.push_started(sql, Counting::Counted, Naming::Number, now);
    } else {
        subject.push_rows(sql, Counting::Counted, Naming::Number, now);
    }
}

async fn fields(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<ChangedField>, ReadError> {
    let mut sql = with_changed(subject, since);
    sql.append(push_cell(subject, now));
    sql.push(" select c.field, count(distinct (c.source_id, c.provider_session_id)) as session_count from cell join changed c on ");
    sql.push("c.source_id = cell.source_id and c.provider_session_id = cell.provider_session_id where cell.first_seen_at <= ");
    sql.push_bind(since).push(" group by 1 order by 2 desc, 1");
    let rows = sql.fetch_all(snapshot).await.map_err(reading(WHAT))?;
    let field = |row: &sqlx::postgres::PgRow| {
        Ok(ChangedField { field: row.try_get("field")?, session_count: row.try_get("session_count")? })
    };
    rows.iter().map(field).collect::<Result<_, sqlx::Error>>().map_err(reading(WHAT))
}

/// Counts the sessions that were counted then and are not any more. Only changed sessions can be among them.
async fn gone(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<i64, ReadError> {
    let mut sql = with_changed(subject, since);
    sql.append(push_cell(subject, now))
        .push(", before as (select distinct s.source_id, s.session_id, s.provider_session_id");
    push_sessions(&mut sql, &subject.as_known_at(since), since);
    sql.push(
        ") select count(*) as gone from before
           where exists (select from changed c
                          where c.source_id = before.source_id and c.provider_session_id = before.provider_session_id)
             and not exists (select from cell
                              where cell.source_id = before.source_id and cell.session_id = before.session_id)",
    );
    let rows = sql.fetch_all(snapshot).await.map_err(reading(WHAT))?;
    rows.first().map_or(Ok(0), |row| row.try_get("gone")).map_err(reading(WHAT))
}
