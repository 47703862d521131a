//! Messages about incidents: written with the incident, claimed by one instance at a time, and kept with the outcome of
//! each attempt.
//!
//! A message keeps its id over all attempts. It may arrive twice, where an instance dies between the receiver's answer
//! and its own note of it; so receivers compare ids. Of one incident, a later message waits for the earlier one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::store::StoreError;

/// Duration of a claim, longer than a sending may take.
const CLAIM_DURATION: Duration = Duration::from_mins(1);
/// Messages claimed at once.
const BATCH: i64 = 20;
/// Waits after failed attempts, as Standard Webhooks proposes; after the last one a message is given up.
const WAITS: [TimeDelta; 7] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(10),
];

/// The subject of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertEvent {
    /// An incident opened.
    Opened,
    /// An incident was resolved.
    Resolved,
    /// None: an operator tests the receiver.
    Test,
}

impl AlertEvent {
    /// Returns its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "alert.opened",
            Self::Resolved => "alert.resolved",
            Self::Test => "alert.test",
        }
    }
}

/// A claimed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Id, the same over all attempts.
    pub delivery_id: String,
    /// Name of its alert.
    pub alert_name: String,
    /// The body.
    pub body: String,
    /// Number of this attempt, from 1.
    pub attempt: i32,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// HTTP status; `None`: no answer.
    pub status: Option<u16>,
    /// Kind of failure without an answer.
    pub error: Option<&'static str>,
}

impl Attempted {
    /// Whether the receiver accepted the message.
    pub fn is_accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Writes a message that is due now.
pub(super) async fn enqueue(
    tx: &mut PgConnection,
    alert_name: &str,
    incident_id: Option<i64>,
    event: AlertEvent,
    body: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into ingest.alert_deliveries (delivery_id, alert_name, incident_id, event, body, created_at, next_try_at)
         values ('msg_' || replace(gen_random_uuid()::text, '-', ''), $1, $2, $3, $4, $5, $5)",
        alert_name,
        incident_id,
        event.as_str(),
        body,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing a message about an incident"))?;
    Ok(())
}

/// Writes a test message, claimed for its only attempt.
pub async fn begin_test(
    pool: &PgPool,
    alert_name: &str,
    body: &str,
    now: DateTime<Utc>,
) -> Result<Outgoing, StoreError> {
    sqlx::query_as!(
        Outgoing,
        "insert into ingest.alert_deliveries (delivery_id, alert_name, event, body, created_at, attempt_count)
         values ('msg_' || replace(gen_random_uuid()::text, '-', ''), $1, 'alert.test', $2, $3, 1)
         returning delivery_id, alert_name, body, attempt_count as attempt",
        alert_name,
        body,
        now,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("writing a test message"))
}

/// Claims due messages of these alerts.
pub async fn claim(pool: &PgPool, alerts: &[&str], now: DateTime<Utc>) -> Result<Vec<Outgoing>, StoreError> {
    sqlx::query_as!(
        Outgoing,
        "with next as (
             select d.delivery_id
               from ingest.alert_deliveries d
              where d.next_try_at <= $2 and d.alert_name = any($1) and coalesce(d.claimed_until, '-infinity') <= now()
                and not exists (select from ingest.alert_deliveries e
                                 where e.incident_id = d.incident_id and e.created_at < d.created_at
                                   and e.next_try_at is not null)
              order by d.next_try_at
              limit $3
                for update of d skip locked)
         update ingest.alert_deliveries d
            set claimed_until = now() + make_interval(secs => $4), attempt_count = d.attempt_count + 1
           from next where d.delivery_id = next.delivery_id
         returning d.delivery_id, d.alert_name, d.body, d.attempt_count as attempt",
        alerts as &[&str],
        now,
        BATCH,
        CLAIM_DURATION.as_secs_f64(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("claiming messages about incidents"))
}

/// Resolves the incidents of alerts other than `names` that no instance has evaluated since `before`, and gives up
/// their messages, whose receivers are not known any more. Returns the alerts, one for each incident.
pub async fn end_unconfigured(
    pool: &PgPool,
    names: &[&str],
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "with gone as (
             select a.alert_name from ingest.alerts a where a.alert_name <> all($1) and a.evaluated_at < $2
         ), given_up as (
             update ingest.alert_deliveries d set next_try_at = null
               from gone where d.alert_name = gone.alert_name and d.next_try_at is not null
         )
         update ingest.alert_incidents i set resolved_at = $3, resolved_reason = 'definition_changed'
           from gone where i.alert_name = gone.alert_name and i.resolved_at is null
         returning i.alert_name",
        names as &[&str],
        before,
        now,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("ending alerts that are not configured"))
}

/// Writes how an attempt ended, and when the next one is due. Returns that time; `None`: the message was accepted, or
/// is given up.
pub async fn note_attempt(
    pool: &PgPool,
    outgoing: &Outgoing,
    attempted: Attempted,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let failed = StoreError::doing("noting an attempt to send a message");
    let place = usize::try_from(outgoing.attempt - 1).unwrap_or(usize::MAX);
    let next_try_at = WAITS.get(place).filter(|_| !attempted.is_accepted()).map(|wait| now + *wait);
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query!(
        "insert into ingest.alert_attempts (delivery_id, attempt, attempted_at, status, error)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        outgoing.delivery_id,
        outgoing.attempt,
        now,
        attempted.status.map(i32::from),
        attempted.error,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    // a test is tried once
    let row = sqlx::query_scalar!(
        "update ingest.alert_deliveries
            set claimed_until = null, accepted_at = case when $3 then $4 else accepted_at end,
                next_try_at = case when event <> 'alert.test' then $2::timestamptz end
          where delivery_id = $1
         returning next_try_at",
        outgoing.delivery_id,
        next_try_at as Option<DateTime<Utc>>,
        attempted.is_accepted(),
        now,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(row)
}
