//! The journal of calls that start something at a provider, newest first.
//!
//! A call without a recorded end has an unknown outcome after its deadline. This state is computed here from the
//! current time, since the process that could have recorded the end no longer exists.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::model::action::LaunchLimits;
use crate::query::list::{newest, push_any};
use crate::query::{ReadError, reading};

/// A call that started something, or tried to.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Action {
    /// Number of the call; increases.
    pub action_id: i64,
    /// `generate_summary` or `start_streaming_session`.
    pub kind: String,
    /// `started` (under way), `succeeded`, `refused` (nothing was started), `postponed` (nothing was started; retry
    /// later) or `unknown` (it may have been started: check at the provider before you retry).
    pub state: String,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Number of the session; null: not polled yet, or there is none.
    pub session_id: Option<i64>,
    /// The provider's id of the session; null: there is none.
    pub provider_session_id: Option<String>,
    /// Address of the caller.
    pub requested_by: String,
    /// Id of the request, also in the log.
    pub request_id: String,
    /// Time at which the call was requested.
    pub started_at: DateTime<Utc>,
    /// Time at which the outcome became known; null: it is not known.
    pub ended_at: Option<DateTime<Utc>>,
    /// The provider's HTTP status; null: the provider did not respond.
    pub http_status: Option<i32>,
    /// Class of the error.
    pub error_class: Option<String>,
    /// Description of the result; null: the call succeeded.
    pub detail: Option<String>,
}

/// States of a call.
pub const STATES: [&str; 5] = ["started", "succeeded", "refused", "postponed", "unknown"];

/// Filter of calls. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct ActionFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these kinds.
    pub kinds: Vec<String>,
    /// Any of these states.
    pub states: Vec<String>,
    /// Only this call.
    pub action_id: Option<i64>,
    /// Only calls with a lower number.
    pub before_action_id: Option<i64>,
}

/// Returns the newest `limit` calls that pass the filter, as they stand at `now`.
pub async fn list(
    pool: &PgPool,
    filter: &ActionFilter,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Action>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select * from (
           select a.action_id, a.kind, src.source_slug as source, src.provider, a.provider_session_id,
                  case when a.state = 'started' and a.deadline_at < ",
    );
    sql.push_bind(now);
    sql.push(
        " then 'unknown' else a.state end as state,
                  coalesce(a.session_id, s.session_id) as session_id, a.requested_by, a.request_id,
                  a.started_at::timestamptz as started_at, a.ended_at::timestamptz as ended_at, a.http_status,
                  a.error_class, case when a.state = 'started' and a.deadline_at < ",
    );
    sql.push_bind(now);
    sql.push(
        " then 'the service ended before the answer came, so it may have been started' else a.detail end as detail
             from ingest.actions a
             join core.sources src using (source_id)
             left join core.sessions s
               on s.source_id = a.source_id and s.provider_session_id = a.provider_session_id) a
          where true",
    );
    push_any(&mut sql, [("source", &filter.sources), ("kind", &filter.kinds), ("state", &filter.states)]);
    if let Some(action_id) = filter.action_id {
        sql.push(" and action_id = ").push_bind(action_id);
    }
    newest(pool, sql, "action_id", filter.before_action_id, limit, "the calls that started something").await
}

/// Returns the call with that number, as it stands at `now`.
pub async fn find(pool: &PgPool, action_id: i64, now: DateTime<Utc>) -> Result<Option<Action>, ReadError> {
    let filter = ActionFilter { action_id: Some(action_id), ..ActionFilter::default() };
    Ok(list(pool, &filter, now, 1).await?.pop())
}

/// Returns the limits of the session that a call launched; none if it launched none.
pub async fn launch_limits(pool: &PgPool, action_id: i64) -> Result<LaunchLimits, ReadError> {
    let limits: Option<(Option<i32>, Option<bool>)> = sqlx::query_as(
        "select l.session_duration_limit_seconds, l.is_paid
           from ingest.actions a
           join analytics.session_launches l using (source_id, provider_session_id)
          where a.action_id = $1",
    )
    .bind(action_id)
    .fetch_optional(pool)
    .await
    .map_err(reading("the limits of a launched session"))?;
    let (session_duration_limit_seconds, is_paid) = limits.unwrap_or_default();
    Ok(LaunchLimits { session_duration_limit_seconds, is_paid })
}
