//! Changes of a metric value since an earlier time: sessions added, changed and removed, and the earlier value.
//!
//! It is based on the recorded changes of sessions. The earlier value is available only if the metric uses recorded
//! fields alone ([`crate::query::metrics::as_of`]); the sessions added or changed are always available.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use utoipa::ToSchema;

use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::response::value::Figure;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// Changes of a metric value since an earlier time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changes {
    /// The earlier time.
    pub since: DateTime<Utc>,
    /// The value as it was known then; absent if the fields it depends on are not recorded (`not_kept`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_then: Option<Figure>,
    /// `not_kept`: earlier values of the fields that the metric depends on are not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    value_then: Option<Figure>,
    now: DateTime<Utc>,
) -> Result<Changes, ReadError> {
    let is_kept = value_then.is_some();
    if subject.metric.grain.listed_at().is_some() {
        return Ok(Changes { reason: Some("not_kept"), ..Changes::none(since) });
    }
    let behind = subject.behind(now);
    let rows = behind.changed_counts(since).fetch_all(snapshot).await.map_err(reading(WHAT))?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(reading(WHAT))?;
    let (sessions_new, sessions_changed) =
        row.try_get("new").and_then(|new| Ok((new, row.try_get("changed")?))).map_err(reading(WHAT))?;
    let rows = behind.changed_fields(since).fetch_all(snapshot).await.map_err(reading(WHAT))?;
    let field =
        |row: &PgRow| Ok(ChangedField { field: row.try_get("field")?, session_count: row.try_get("session_count")? });
    let fields = rows.iter().map(field).collect::<Result<_, sqlx::Error>>().map_err(reading(WHAT))?;
    let sessions_gone = if is_kept {
        let rows = behind.changed_elsewhere(since).fetch_all(snapshot).await.map_err(reading(WHAT))?;
        let id = |row: &PgRow| Ok((row.try_get("source_id")?, row.try_get("provider_session_id")?));
        let ids = rows.iter().map(id).collect::<Result<Vec<(i32, String)>, sqlx::Error>>().map_err(reading(WHAT))?;
        let (source_ids, sessions) = ids.into_iter().unzip();
        let then = subject.as_known_at(since);
        let gone = then.behind(since).count_of(source_ids, sessions);
        let rows = gone.fetch_all(snapshot).await.map_err(reading(WHAT))?;
        Some(rows.first().map_or(Ok(0), |row| row.try_get("gone")).map_err(reading(WHAT))?)
    } else {
        None
    };
    let reason = (!is_kept).then_some("not_kept");
    Ok(Changes { since, value_then, reason, sessions_new, sessions_changed, sessions_gone, fields })
}
