//! State of alerts: incidents, and what became of their messages.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::number::Number;
use crate::query::{ReadError, reading};

/// Most incidents of one alert.
const MAX_INCIDENTS: i64 = 20;

/// State of one alert.
#[derive(Debug, Clone, Default)]
pub struct AlertState {
    /// Name.
    pub name: String,
    /// When it was last compared, or tried to be.
    pub evaluated_at: Option<DateTime<Utc>>,
    /// The last bucket that was compared, and its value.
    pub bucket: Option<(DateTime<Utc>, DateTime<Utc>, Option<Number>)>,
    /// Begin of the next bucket where it could not be compared, and the reason.
    pub held: Option<(Option<DateTime<Utc>>, String)>,
    /// Its newest incidents, newest first.
    pub incidents: Vec<AlertIncident>,
}

/// An incident of an alert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertIncident {
    /// Number.
    pub incident_id: i64,
    /// Level of a budget, percent; null: a threshold.
    pub level_percent: Option<i32>,
    /// The limit that was crossed.
    pub limit: Number,
    /// Begin of the bucket that opened it; of a budget, the month.
    pub bucket_start: DateTime<Utc>,
    /// End of that bucket.
    pub bucket_end: DateTime<Utc>,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// The value that opened it.
    pub opened_value: Number,
    /// When it was resolved; null: it is open.
    pub resolved_at: Option<DateTime<Utc>>,
    /// The value that resolved it.
    pub resolved_value: Option<Number>,
    /// `cleared`, `period_ended` or `definition_changed`.
    pub resolved_reason: Option<String>,
    /// Whether the receiver accepted all messages about it.
    pub is_delivered: bool,
    /// Attempts to send these messages.
    pub attempt_count: i64,
    /// HTTP status of the last attempt; null: no answer, or none was made.
    pub last_status: Option<i32>,
}

/// Returns the states of these alerts, in their order.
pub async fn states(pool: &PgPool, names: &[&str]) -> Result<Vec<AlertState>, ReadError> {
    let rows = sqlx::query!(
        r#"select alert_name, evaluated_at, bucket_from, bucket_to, bucket_value as "bucket_value: Number", held_from,
                  held_reason
             from ingest.alerts where alert_name = any($1)"#,
        names as &[&str],
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the alerts"))?;
    let mut states: Vec<AlertState> =
        names.iter().map(|name| AlertState { name: (*name).to_owned(), ..AlertState::default() }).collect();
    for row in rows {
        let Some(state) = states.iter_mut().find(|state| state.name == row.alert_name) else { continue };
        state.evaluated_at = row.evaluated_at;
        state.bucket = row.bucket_from.zip(row.bucket_to).map(|(from, to)| (from, to, row.bucket_value));
        state.held = row.held_reason.map(|reason| (row.held_from, reason));
    }
    for state in &mut states {
        state.incidents = incidents(pool, &state.name).await?;
    }
    Ok(states)
}

async fn incidents(pool: &PgPool, name: &str) -> Result<Vec<AlertIncident>, ReadError> {
    sqlx::query_as!(
        AlertIncident,
        r#"select i.incident_id, i.level_percent, i.limit_value as "limit: Number",
                  i.bucket_from::timestamptz as "bucket_start!", i.bucket_to::timestamptz as "bucket_end!",
                  i.opened_at::timestamptz as "opened_at!", i.opened_value as "opened_value: Number",
                  i.resolved_at::timestamptz as resolved_at, i.resolved_value as "resolved_value: Number",
                  i.resolved_reason, coalesce(d.is_delivered, false) as "is_delivered!",
                  coalesce(d.attempts, 0) as "attempt_count!", a.status as last_status
             from ingest.alert_incidents i
             left join lateral (select bool_and(d.accepted_at is not null) as is_delivered,
                                       sum(d.attempt_count) as attempts
                                  from ingest.alert_deliveries d where d.incident_id = i.incident_id) d on true
             left join lateral (select a.status
                                  from ingest.alert_attempts a
                                  join ingest.alert_deliveries d on d.delivery_id = a.delivery_id
                                 where d.incident_id = i.incident_id
                                 order by a.attempted_at desc, a.attempt desc limit 1) a on true
            where i.alert_name = $1
            order by i.incident_id desc limit $2"#,
        name,
        MAX_INCIDENTS,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the incidents"))
}
