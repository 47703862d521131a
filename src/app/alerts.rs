//! `tributary alerts`: lists the configured alerts, and tests their receivers.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::api::access::caller::Caller;
use crate::api::access::policy::AccessPolicy;
use crate::api::actions::access::ActionAccess;
use crate::api::configured::{Alerts, Hooks};
use crate::api::memory::Memory;
use crate::api::replica::handle::Replica;
use crate::api::{ApiState, HealthSettings};
use crate::app::alert_sender::AlertSender;
use crate::app::alerting::message;
use crate::app::{App, say};
use crate::db::{Departures, Purpose, WriteState};
use crate::query::alerts::{self, AlertState};
use crate::query::pollers::HealthReads;
use crate::query::zones::Zones;
use crate::store::alert_delivery::{self, AlertEvent};

/// A command about alerts.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum AlertsVerb {
    /// List the configured alerts with their state
    List,
    /// Send a test message to the receiver of an alert, or of each alert; exit 0 only if all accept it
    Test {
        /// Name of the alert
        name: Option<String>,
    },
}

/// Runs the command that `verb` gives.
pub async fn run(app: &App, verb: &AlertsVerb) -> anyhow::Result<ExitCode> {
    let configured = &app.config.alerts;
    if configured.is_empty() {
        const NONE: &str = "no alert is configured: add an [[alerts]] section";
        if matches!(verb, AlertsVerb::Test { .. }) {
            bail!(NONE);
        }
        say(&format!("{NONE}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let pool = app.pool(Purpose::Poll).await?;
    app.migrate(&pool).await?;
    let AlertsVerb::Test { name } = verb else {
        let names: Vec<&str> = configured.iter().map(|alert| alert.name.as_str()).collect();
        say(&table(&alerts::states(&pool, &names).await?))?;
        return Ok(ExitCode::SUCCESS);
    };
    let wanted: Vec<_> =
        configured.iter().filter(|alert| name.as_ref().is_none_or(|name| alert.name == *name)).collect();
    if wanted.is_empty() {
        let known: Vec<&str> = configured.iter().map(|alert| alert.name.as_str()).collect();
        bail!("there is no alert `{}`; the alerts are: {}", name.clone().unwrap_or_default(), known.join(", "));
    }
    let sender = AlertSender::new().context("the HTTP client needs a certificate store")?;
    let mut is_well = true;
    for alert in wanted {
        let body = message(alert, AlertEvent::Test, None);
        let outgoing = alert_delivery::begin_test(&pool, &alert.name, &body, app.clock.now()).await?;
        let attempted = sender.send(alert, &outgoing, app.clock.now()).await;
        alert_delivery::note_attempt(&pool, &outgoing, attempted, app.clock.now()).await?;
        is_well &= attempted.is_accepted();
        let answer = match (attempted.status, attempted.error) {
            (Some(status), _) => format!("the receiver answered {status}"),
            (None, error) => format!("the receiver did not answer ({})", error.unwrap_or("unknown")),
        };
        let mark = if attempted.is_accepted() { "ok  " } else { "FAIL" };
        say(&format!("{mark} {}: {answer} to {}\n", alert.name, outgoing.delivery_id))?;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(states: &[AlertState]) -> String {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut text = String::new();
    for state in states {
        let open = state.incidents.iter().filter(|incident| incident.resolved_at.is_none()).count();
        let value = state.bucket.as_ref().and_then(|(.., value)| *value);
        let held = state.held.as_ref().map_or_else(String::new, |(_, reason)| format!("  not evaluated: {reason}"));
        // writing to a string cannot fail
        let _ = writeln!(
            text,
            "{}  {}  value {}  evaluated {}{held}",
            state.name,
            if open > 0 { "firing" } else { "quiet" },
            value.map_or_else(|| "none".to_owned(), |value| value.to_string()),
            state.evaluated_at.map_or_else(|| "never".to_owned(), instant),
        );
    }
    text
}

/// Returns a state that can ask the queries of alerts, without a service around it.
pub(super) fn state_for_checks(app: &App, pool: &PgPool) -> ApiState {
    ApiState {
        pool: pool.clone(),
        replica: Replica::none(),
        on_replica: None,
        probes: pool.clone(),
        writes: WriteState::default(),
        departures: Departures::default(),
        memory: Memory::off(),
        clock: Arc::clone(&app.clock),
        default_zone: app.config.server.default_zone,
        zones: Zones::default(),
        shared_catalogs: None,
        is_distributed: app.config.database.is_citus,
        health: HealthSettings::default(),
        health_reads: HealthReads::default(),
        draining: CancellationToken::new(),
        actions: ActionAccess::default(),
        alerts: Alerts::default(),
        hooks: Hooks::default(),
        replays: None,
        source_changes: None,
        error_advice: |_| None,
        access_policy: Arc::new(AccessPolicy::new(&app.config.server, pool, Arc::clone(&app.clock))),
        caller: Caller::service("check"),
    }
}
