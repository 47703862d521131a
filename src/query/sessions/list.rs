//! Lists of sessions: their filter, their order, and pages by key.
//!
//! The filter is that of metrics, written by the same code, so that a list shows the sessions behind a value. By start
//! an index gives the order; by other fields the sessions that pass the filter are sorted for each page.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::sql::rows::chosen;
use crate::query::metrics::sql::statement::Statement;
use crate::query::range::TimeRange;
use crate::query::sessions::{Session, select};
use crate::query::{ReadError, reading};

/// Filter of sessions. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Any of these sources; `None` means all.
    pub source_ids: Option<Vec<i32>>,
    /// Conditions as in metric queries; their sources are in `source_ids`.
    pub conditions: MetricFilter,
    /// Each of these has one of its values in the session.
    pub parts: Vec<(SessionPart, Vec<String>)>,
    /// Any of these provider ids.
    pub provider_session_ids: Vec<String>,
    /// Only sessions with a transcript, or only those without.
    pub has_transcript: Option<bool>,
    /// Only sessions that started in this range.
    pub started: Option<TimeRange>,
}

/// An attribute of which a session has several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionPart {
    /// Permissions of a participant.
    PresetName,
    /// Country of a participant.
    CountryCode,
    /// Operating system of a participant.
    DeviceOs,
    /// Kind of network of a participant.
    NetworkType,
    /// Step of a chat.
    TrailStep,
    /// Pseudonym of a speaker.
    SpeakerId,
}

impl SessionPart {
    /// Returns its rows, with the column that has the value.
    fn rows(self) -> (&'static str, &'static str) {
        const REPORTS: &str = "analytics.participant_quality x";
        match self {
            Self::PresetName => ("analytics.participants x", "preset_name"),
            Self::CountryCode => (REPORTS, "country_code"),
            Self::DeviceOs => (REPORTS, "device_os"),
            Self::NetworkType => (REPORTS, "network_type"),
            Self::TrailStep => ("analytics.session_trail_steps x", "step_type"),
            Self::SpeakerId => ("analytics.transcript_segments x", "speaker_id"),
        }
    }
}

/// Order of sessions: by a field, then by number. Sessions without the field come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOrder {
    /// The field.
    pub by: SortField,
    /// Greatest or latest first.
    pub is_descending: bool,
}

/// A field that sessions can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortField {
    /// Start.
    StartedAt,
    /// End.
    EndedAt,
    /// Metered minutes.
    MinutesConsumed,
    /// Stored messages.
    MessageCount,
}

impl SortField {
    /// All fields.
    pub const ALL: [Self; 4] = [Self::StartedAt, Self::EndedAt, Self::MinutesConsumed, Self::MessageCount];

    /// Returns its name, which is also its column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartedAt => "started_at",
            Self::EndedAt => "ended_at",
            Self::MinutesConsumed => "minutes_consumed",
            Self::MessageCount => "message_count",
        }
    }
}

/// Sort key of a session: the field it is sorted by, and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey {
    /// The field; `None`: the session has none.
    pub value: Option<SortValue>,
    /// Number of the session.
    pub session_id: i64,
}

/// Value of a field that sessions are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// An instant.
    Instant(DateTime<Utc>),
    /// A number with all its digits.
    Number(String),
}

impl SessionOrder {
    /// All orders, by name: the field, with `-` before it the greatest first.
    pub const WORDS: [&str; 8] = [
        "started_at",
        "-started_at",
        "ended_at",
        "-ended_at",
        "minutes_consumed",
        "-minutes_consumed",
        "message_count",
        "-message_count",
    ];

    /// Returns the sort key of a session.
    pub fn key(self, session: &Session) -> SessionKey {
        let value = match self.by {
            SortField::StartedAt => Some(SortValue::Instant(session.started_at)),
            SortField::EndedAt => session.ended_at.map(SortValue::Instant),
            SortField::MinutesConsumed => {
                session.minutes_consumed.map(|minutes| SortValue::Number(minutes.0.to_string()))
            }
            SortField::MessageCount => session.message_count.map(|count| SortValue::Number(count.to_string())),
        };
        SessionKey { value, session_id: session.session_id }
    }

    /// Returns whether a key can be one of this order; a manipulated one would be refused by the database.
    pub fn can_have(self, key: &SessionKey) -> bool {
        let is_of_time = matches!(self.by, SortField::StartedAt | SortField::EndedAt);
        match &key.value {
            None => self.by != SortField::StartedAt,
            Some(SortValue::Instant(_)) => is_of_time,
            Some(SortValue::Number(number)) => !is_of_time && number.parse::<Decimal>().is_ok(),
        }
    }

    /// Returns the condition for sessions after a key, and the order.
    fn after(self, key: Option<SessionKey>) -> Statement {
        let (column, sign) = (self.by.as_str(), if self.is_descending { "<" } else { ">" });
        let mut sql = Statement::default();
        match key {
            None => {}
            Some(SessionKey { value: None, session_id }) => {
                sql.push(format!(" and s.{column} is null and s.session_id {sign} ")).push_bind(session_id);
            }
            Some(SessionKey { value: Some(value), session_id }) => {
                let value = match value {
                    SortValue::Instant(at) => Statement::value(at),
                    SortValue::Number(number) => Statement::value(number.parse::<Decimal>().unwrap_or_default()),
                };
                let beyond = format!("(s.{column}, s.session_id) {sign} ");
                sql.push(" and (").push(beyond).push("(").append(value).push(", ").push_bind(session_id).push(")");
                // none of the sessions is without a start, and the index knows no other condition
                sql.push(if self.by == SortField::StartedAt {
                    ")".to_owned()
                } else {
                    format!(" or s.{column} is null)")
                });
            }
        }
        let direction = if self.is_descending { "desc" } else { "asc" };
        let nulls = if self.by == SortField::StartedAt { "" } else { " nulls last" };
        sql.push(format!(" order by s.{column} {direction}{nulls}, s.session_id {direction}"));
        sql
    }
}

impl SessionFilter {
    /// Returns the filter as conditions on the sessions `s`, each with `and` before it.
    pub(crate) fn conditions(&self) -> Statement {
        let mut sql = Statement::default();
        match self.source_ids.as_deref() {
            // one source: its index gives the order
            Some([source_id]) => _ = sql.push(" and s.source_id = ").push_bind(*source_id),
            Some(source_ids) => _ = sql.push(" and s.source_id = any(").push_bind(source_ids.to_vec()).push(")"),
            None => {}
        }
        sql.append(chosen(&self.conditions));
        for (part, values) in &self.parts {
            let (rows, column) = part.rows();
            let own = "x.source_id = s.source_id and x.session_id = s.session_id";
            sql.push(format!(" and exists (select from {rows} where {own} and x.{column} = any("));
            sql.push_bind(values.clone()).push("))");
        }
        if !self.provider_session_ids.is_empty() {
            sql.push(" and s.provider_session_id = any(").push_bind(self.provider_session_ids.clone()).push(")");
        }
        match self.has_transcript {
            Some(true) => _ = sql.push(" and s.transcript_state = 'available'"),
            Some(false) => _ = sql.push(" and s.transcript_state is distinct from 'available'"),
            None => {}
        }
        if let Some(started) = self.started {
            sql.push(" and s.started_at >= ").push_bind(started.from);
            sql.push(" and s.started_at < ").push_bind(started.to);
        }
        sql
    }
}

/// Returns up to `limit` sessions that pass the filter and come after `after`, with titles if these may be read.
pub async fn list(
    pool: &PgPool,
    filter: &SessionFilter,
    order: SessionOrder,
    after: Option<SessionKey>,
    limit: i64,
    with_titles: bool,
) -> Result<Vec<Session>, ReadError> {
    let mut sql = Statement::new(&select(with_titles));
    sql.push(if filter.conditions.includes_deleted { "true" } else { "not s.is_deleted_at_provider" });
    sql.append(filter.conditions()).append(order.after(after)).push(" limit ").push_bind(limit);
    sql.bound().build_query_as().fetch_all(pool).await.map_err(reading("the sessions"))
}
