//! State of alerts and their incidents.
//!
//! An instance claims an alert, compares it, and writes the outcome in one transaction: state, incidents, and a message
//! for each change. A crash before it changes nothing; after it, any instance sends them ([`super::alert_delivery`]).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::model::alert::{AlertDefinition, AlertProgress, AlertStep, BudgetIncident};
use crate::store::StoreError;
use crate::store::alert_delivery::{self, AlertEvent};

/// Duration of a claim, which is how long a killed instance holds an alert up.
const CLAIM_DURATION: Duration = Duration::from_mins(1);

/// A claimed alert, as it was left.
#[derive(Debug, Clone)]
pub struct ClaimedAlert {
    /// Name.
    pub name: String,
    /// Since when its definition is known.
    pub first_seen_at: DateTime<Utc>,
    /// How far a threshold was compared.
    pub progress: AlertProgress,
    /// The incidents of a budget.
    pub budget: Vec<BudgetIncident>,
    /// Whether its definition is another one: everything starts from the beginning.
    is_changed: bool,
    token: Uuid,
}

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Number.
    pub incident_id: i64,
    /// Level of a budget, percent; `None`: a threshold.
    pub level_percent: Option<i32>,
    /// The limit that was crossed.
    pub limit_value: Decimal,
    /// Begin of the bucket that opened it.
    pub bucket_from: DateTime<Utc>,
    /// End of that bucket.
    pub bucket_to: DateTime<Utc>,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// The value that opened it.
    pub opened_value: Decimal,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// The value that resolved it.
    pub resolved_value: Option<Decimal>,
    /// Why it was resolved.
    pub resolved_reason: Option<String>,
}

/// Claims an alert; `None`: it was evaluated within `every`, or another instance has it, or a later definition.
pub async fn claim(
    pool: &PgPool,
    name: &str,
    definition: &AlertDefinition,
    every: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Option<ClaimedAlert>, StoreError> {
    let failed = StoreError::doing("claiming an alert");
    sqlx::query!(
        "insert into ingest.alerts (alert_name, definition_hash, configured_at, first_seen_at) values ($1, $2, $3, $4)
         on conflict do nothing",
        name,
        definition.hash,
        definition.configured_at,
        now,
    )
    .execute(pool)
    .await
    .map_err(&failed)?;
    let row = sqlx::query!(
        r#"update ingest.alerts
              set claim_token = gen_random_uuid(), claimed_until = now() + make_interval(secs => $3)
            where alert_name = $1 and coalesce(claimed_until, '-infinity') <= now()
              and (evaluated_at is null or evaluated_at <= $2) and (definition_hash = $4 or configured_at <= $5
                                                              or evaluated_at <= $2 - interval '10 minutes')
        returning claim_token as "token!", first_seen_at, evaluated_through, crossing_count, clear_count,
                  definition_hash <> $4 as "is_changed!",
                  exists (select from ingest.alert_incidents i
                           where i.alert_name = $1 and i.level_percent is null and i.resolved_at is null) as "is_open!""#,
        name,
        now - every,
        CLAIM_DURATION.as_secs_f64(),
        definition.hash,
        definition.configured_at,
    )
    .fetch_optional(pool)
    .await
    .map_err(&failed)?;
    let Some(row) = row else { return Ok(None) };
    let mut claimed = ClaimedAlert {
        name: name.to_owned(),
        first_seen_at: now,
        progress: AlertProgress::default(),
        budget: Vec::new(),
        is_changed: row.is_changed,
        token: row.token,
    };
    if !row.is_changed {
        claimed.first_seen_at = row.first_seen_at;
        claimed.budget = budget(pool, name).await?;
        let count = |count: i32| u32::try_from(count).unwrap_or_default();
        claimed.progress = AlertProgress {
            through: row.evaluated_through,
            crossing: count(row.crossing_count),
            clear: count(row.clear_count),
            is_open: row.is_open,
            ..AlertProgress::default()
        };
    }
    Ok(Some(claimed))
}

/// Returns the incidents of a budget that may be open or belong to the last two months.
async fn budget(pool: &PgPool, name: &str) -> Result<Vec<BudgetIncident>, StoreError> {
    let rows = sqlx::query!(
        r#"select level_percent as "level!", bucket_from, resolved_at is null as "is_open!"
             from ingest.alert_incidents
            where alert_name = $1 and level_percent is not null
              and resolved_reason is distinct from 'definition_changed'
            order by incident_id desc limit 200"#,
        name,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading incidents"))?;
    let incidents = rows.into_iter().filter_map(|row| {
        let level = u32::try_from(row.level).ok()?;
        Some(BudgetIncident { level, month: row.bucket_from, is_open: row.is_open })
    });
    Ok(incidents.collect())
}

/// What a comparison led to.
#[derive(Debug, Clone)]
pub struct Evaluation<'a> {
    /// The alert.
    pub alert: &'a ClaimedAlert,
    /// Its definition.
    pub definition: &'a AlertDefinition,
    /// How far it was compared.
    pub progress: &'a AlertProgress,
    /// Incidents that open or are resolved.
    pub steps: &'a [AlertStep],
    /// The present.
    pub now: DateTime<Utc>,
}

/// Writes an evaluation, with the messages that `message` makes of its incidents. `false`: the claim is lost, and
/// nothing was written.
pub async fn record(
    pool: &PgPool,
    evaluation: &Evaluation<'_>,
    message: impl Fn(AlertEvent, &Incident) -> String,
) -> Result<bool, StoreError> {
    let failed = StoreError::doing("recording an evaluation");
    let Evaluation { alert, definition, progress, steps, now } = *evaluation;
    let mut tx = pool.begin().await.map_err(&failed)?;
    let (bucket, held) = (progress.last.as_ref(), progress.held.as_ref());
    let written = sqlx::query!(
        "update ingest.alerts
            set definition_hash = $3, first_seen_at = $4, evaluated_at = $5, evaluated_through = $6,
                crossing_count = $7, clear_count = $8,
                bucket_from = case when $9::timestamptz is null and not $14 then bucket_from else $9 end,
                bucket_to = case when $9::timestamptz is null and not $14 then bucket_to else $10 end,
                bucket_value = case when $9::timestamptz is null and not $14 then bucket_value else $11 end,
                held_from = $12, held_reason = $13, configured_at = case when $14 then $15 else greatest(configured_at, $15) end,
                claim_token = null, claimed_until = null
          where alert_name = $1 and claim_token = $2",
        alert.name,
        alert.token,
        definition.hash,
        alert.first_seen_at,
        now,
        progress.through as Option<DateTime<Utc>>,
        i32::try_from(progress.crossing).unwrap_or(i32::MAX),
        i32::try_from(progress.clear).unwrap_or(i32::MAX),
        bucket.map(|bucket| bucket.from) as Option<DateTime<Utc>>,
        bucket.map(|bucket| bucket.to) as Option<DateTime<Utc>>,
        bucket.and_then(|bucket| bucket.value),
        held.and_then(|held| held.from) as Option<DateTime<Utc>>,
        held.map(|held| held.reason.as_str()),
        alert.is_changed,
        definition.configured_at,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    let mut changed = Vec::new();
    if alert.is_changed {
        let all = Resolved { level: None, month: None, value: None, reason: "definition_changed" };
        changed.extend(resolve(&mut tx, &alert.name, &all, now).await?);
    }
    for step in steps {
        match step {
            AlertStep::Open { level, limit, bucket, value } => {
                let level = level.map(|level| i32::try_from(level).unwrap_or(i32::MAX));
                let window = (bucket.from, bucket.to);
                changed.extend(open(&mut tx, &alert.name, level, *limit, (window, *value), now).await?);
            }
            AlertStep::Resolve { level, month, value, reason } => {
                let level = level.map(|level| i32::try_from(level).unwrap_or(i32::MAX));
                let one = Resolved { level, month: *month, value: *value, reason };
                changed.extend(resolve(&mut tx, &alert.name, &one, now).await?);
            }
        }
    }
    for incident in &changed {
        let event = if incident.resolved_at.is_some() { AlertEvent::Resolved } else { AlertEvent::Opened };
        let body = message(event, incident);
        alert_delivery::enqueue(&mut tx, &alert.name, Some(incident.incident_id), event, &body, now).await?;
    }
    tx.commit().await.map_err(&failed)?;
    Ok(true)
}

async fn open(
    tx: &mut PgConnection,
    name: &str,
    level: Option<i32>,
    limit: Decimal,
    ((from, to), value): ((DateTime<Utc>, DateTime<Utc>), Decimal),
    now: DateTime<Utc>,
) -> Result<Option<Incident>, StoreError> {
    sqlx::query_as!(
        Incident,
        "insert into ingest.alert_incidents (alert_name, level_percent, limit_value, bucket_from, bucket_to, opened_at,
                                             opened_value)
         values ($1, $2, $3, $4, $5, $6, $7)
             on conflict do nothing
      returning incident_id, level_percent, limit_value, bucket_from, bucket_to, opened_at, opened_value,
                resolved_at, resolved_value, resolved_reason",
        name,
        level,
        limit,
        from,
        to,
        now,
        value,
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("opening an incident"))
}

/// Which open incidents are resolved, and how.
struct Resolved<'a> {
    /// The level of a budget; `None` with `cleared`: the threshold; else all.
    level: Option<i32>,
    month: Option<DateTime<Utc>>,
    value: Option<Decimal>,
    reason: &'a str,
}

async fn resolve(
    tx: &mut PgConnection,
    name: &str,
    resolved: &Resolved<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Incident>, StoreError> {
    sqlx::query_as!(
        Incident,
        "update ingest.alert_incidents
            set resolved_at = $5, resolved_value = $4, resolved_reason = $6
          where alert_name = $1 and resolved_at is null
            and ($2::int is null or level_percent = $2) and ($3::timestamptz is null or bucket_from = $3)
      returning incident_id, level_percent, limit_value, bucket_from, bucket_to, opened_at, opened_value,
                resolved_at, resolved_value, resolved_reason",
        name,
        resolved.level,
        resolved.month as Option<DateTime<Utc>>,
        resolved.value,
        now,
        resolved.reason,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("resolving an incident"))
}
