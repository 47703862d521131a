//! Evaluation of alerts, and delivery of their messages, by the instances that answer metric queries.
//!
//! Each instance looks every few seconds. The database decides which of them evaluates an alert, or sends a message. An
//! alert is asked by the same parser and engine as `/v1/metrics/query`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::api::ApiState;
use crate::api::access::caller::Caller;
use crate::api::metrics::alert_query::{AlertProblem, bucket_values};
use crate::app::alert_sender::AlertSender;
use crate::config::AlertConfig;
use crate::failpoint;
use crate::model::alert::{
    AlertDefinition, AlertLimit, AlertProgress, AlertStep, Held, follow_budget, follow_threshold,
};
use crate::query::number::Number;
use crate::store::StoreError;
use crate::store::alert::{self, ClaimedAlert, Evaluation, Incident};
use crate::store::alert_delivery::{self, AlertEvent, Outgoing};
use crate::telemetry::metrics;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// An alert is evaluated so often, by all instances together.
const EVALUATE_EVERY: TimeDelta = TimeDelta::seconds(30);
/// An alert that this instance does not have, and that none has evaluated for so long, is no longer configured.
const UNCONFIGURED_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Evaluates alerts and delivers their messages.
#[derive(Debug)]
pub struct Alerting {
    /// State for the queries: the alerts concern all sources.
    state: ApiState,
    /// Connections for writing.
    writes: PgPool,
    sender: AlertSender,
}

impl Alerting {
    /// Alerts of `state`, asked in the name of the service. Fails where the machine has no certificate store.
    pub fn new(state: ApiState, writes: PgPool) -> anyhow::Result<Self> {
        let state = ApiState { caller: Caller::service("alerts"), ..state };
        Ok(Self { state, writes, sender: AlertSender::new()? })
    }

    /// Evaluates and delivers until `stop`.
    async fn follow(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.look() => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Evaluates the alerts that are due, then delivers the messages that are due.
    pub async fn look(&self) {
        self.evaluate().await;
        failpoint::reach("alerts.before_delivery");
        self.deliver().await;
    }

    /// Evaluates the alerts that are due, and ends those that are no longer configured.
    pub async fn evaluate(&self) {
        let alerts = self.state.alerts.all();
        for alert in alerts.iter() {
            if let Err(error) = self.evaluate_one(alert).await {
                tracing::warn!(alert = alert.name, cause = error.cause(), "an alert could not be evaluated");
            }
        }
        let names: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
        let now = self.state.clock.now();
        let before = now - UNCONFIGURED_AFTER;
        // after an outage, another instance may be about to evaluate them
        if self.state.alerts.configured_at() > before {
            return;
        }
        // what fails now is tried again by the next look
        let ended = alert_delivery::end_unconfigured(&self.writes, &names, before, now).await;
        for alert in ended.unwrap_or_default() {
            tracing::info!(alert, "an incident was resolved: its alert is no longer configured");
        }
    }

    async fn evaluate_one(&self, alert: &AlertConfig) -> Result<(), StoreError> {
        let now = self.state.clock.now();
        let hash = Sha256::digest(format!("{} {:?}", alert.query, alert.limit)).to_vec();
        let definition = AlertDefinition { hash, configured_at: self.state.alerts.configured_at() };
        let Some(claimed) = alert::claim(&self.writes, &alert.name, &definition, EVALUATE_EVERY, now).await? else {
            return Ok(());
        };
        let mut progress = claimed.progress.clone();
        let steps = match self.compare(alert, &claimed, &mut progress).await {
            Ok(steps) => steps,
            Err(problem) => {
                tracing::warn!(
                    alert = alert.name,
                    code = problem.code,
                    detail = problem.detail,
                    "an alert cannot be asked"
                );
                progress.held = Some(Held { from: None, reason: problem.code.to_owned() });
                Vec::new()
            }
        };
        let evaluation =
            Evaluation { alert: &claimed, definition: &definition, progress: &progress, steps: &steps, now };
        let is_written =
            alert::record(&self.writes, &evaluation, |event, incident| message(alert, event, Some(incident))).await?;
        for step in steps.iter().filter(|_| is_written) {
            let (event, level) = match step {
                AlertStep::Open { level, .. } => ("an incident opened", level),
                AlertStep::Resolve { level, .. } => ("an incident was resolved", level),
            };
            tracing::info!(alert = alert.name, level, "{event}");
        }
        Ok(())
    }

    async fn compare(
        &self,
        alert: &AlertConfig,
        claimed: &ClaimedAlert,
        progress: &mut AlertProgress,
    ) -> Result<Vec<AlertStep>, AlertProblem> {
        let buckets = bucket_values(&self.state, &alert.query, &alert.limit, progress.through).await?;
        let now = self.state.clock.now();
        Ok(match &alert.limit {
            AlertLimit::Threshold { is_above, limit, for_buckets, resolve_buckets } => {
                let counts = (*for_buckets, *resolve_buckets);
                follow_threshold((*is_above, *limit), counts, progress, &buckets, now)
            }
            AlertLimit::MonthlyBudget { budget, levels } => {
                progress.last = buckets.last().cloned();
                // what is not reached yet may be, until the month is complete
                progress.held = progress
                    .last
                    .as_ref()
                    .filter(|month| !month.is_complete)
                    .map(|month| Held { from: Some(month.from), reason: month.status.to_owned() });
                follow_budget((*budget, levels), &claimed.budget, &buckets, (claimed.first_seen_at, now))
            }
        })
    }

    /// Delivers the messages that are due.
    pub async fn deliver(&self) {
        let alerts = self.state.alerts.all();
        let names: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        let claimed = match alert_delivery::claim(&self.writes, &names, self.state.clock.now()).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::debug!(cause = error.cause(), "messages about incidents could not be read");
                return;
            }
        };
        let sendings = claimed.iter().filter_map(|outgoing| {
            let alert = alerts.iter().find(|alert| alert.name == outgoing.alert_name)?;
            Some(self.send(alert, outgoing))
        });
        // of one pass, a receiver that hangs delays no message to another
        join_all(sendings).await;
    }

    async fn send(&self, alert: &AlertConfig, outgoing: &Outgoing) {
        let attempted = self.sender.send(alert, outgoing, self.state.clock.now()).await;
        metrics::count_alert_delivery(&alert.name, attempted.is_accepted());
        let now = self.state.clock.now();
        match alert_delivery::note_attempt(&self.writes, outgoing, attempted, now).await {
            Ok(None) if !attempted.is_accepted() => {
                tracing::error!(alert = alert.name, delivery = outgoing.delivery_id, "a message is given up");
            }
            Ok(next_try_at) if !attempted.is_accepted() => tracing::warn!(
                alert = alert.name,
                delivery = outgoing.delivery_id,
                status = attempted.status,
                error = attempted.error,
                next_try_at = next_try_at.map(|at| at.to_rfc3339()),
                "a receiver did not accept a message"
            ),
            Ok(_) => {}
            Err(error) => tracing::warn!(cause = error.cause(), "an attempt could not be noted, and is repeated"),
        }
    }
}

/// The body of a message.
#[derive(Debug, Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    event: &'static str,
    data: MessageData<'a>,
}

#[derive(Debug, Serialize)]
struct MessageData<'a> {
    alert: &'a str,
    query: &'a str,
    direction: &'static str,
    limit: Number,
    /// `None`: a test.
    incident: Option<MessageIncident<'a>>,
}

#[derive(Debug, Serialize)]
struct MessageIncident<'a> {
    incident_id: i64,
    level_percent: Option<i32>,
    limit: Number,
    bucket_start: DateTime<Utc>,
    bucket_end: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    opened_value: Number,
    resolved_at: Option<DateTime<Utc>>,
    resolved_value: Option<Number>,
    resolved_reason: Option<&'a str>,
}

/// Returns the body of a message; `None` for the incident: a test.
pub(super) fn message(alert: &AlertConfig, event: AlertEvent, incident: Option<&Incident>) -> String {
    let (direction, limit) = match &alert.limit {
        AlertLimit::Threshold { is_above: true, limit, .. } => ("above", *limit),
        AlertLimit::Threshold { limit, .. } => ("below", *limit),
        AlertLimit::MonthlyBudget { budget, .. } => ("monthly_budget", *budget),
    };
    let incident = incident.map(|incident| MessageIncident {
        incident_id: incident.incident_id,
        level_percent: incident.level_percent,
        limit: Number(incident.limit_value),
        bucket_start: incident.bucket_from,
        bucket_end: incident.bucket_to,
        opened_at: incident.opened_at,
        opened_value: Number(incident.opened_value),
        resolved_at: incident.resolved_at,
        resolved_value: incident.resolved_value.map(Number),
        resolved_reason: incident.resolved_reason.as_deref(),
    });
    let data = MessageData { alert: &alert.name, query: &alert.query, direction, limit: Number(limit), incident };
    // numbers and texts can always be written
    serde_json::to_string(&Message { event: event.as_str(), data }).unwrap_or_default()
}

/// Follows the alerts of `state` until `stop`.
pub(super) async fn follow(state: ApiState, writes: PgPool, stop: CancellationToken) {
    match Alerting::new(state, writes) {
        Ok(alerting) => alerting.follow(stop).await,
        Err(error) => tracing::error!(error = %error, "alerts are not evaluated"),
    }
}
