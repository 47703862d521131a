//! The read replica of the configuration: its connection, its refusal where it is none, and its check.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use crate::api::replica::follow::Follower;
use crate::api::replica::handle::{Replica, ReplicaSettings};
use crate::app::{App, PROBE_CONNECTIONS};
use crate::db::{self, Departures, Purpose};
use crate::query::replication::{LogPosition, ReplicaTrouble, StandbySettings, position, settings};

/// Time that a start waits for the replica, to refuse one of another database.
const REFUSE_WITHIN: Duration = Duration::from_secs(2);
/// A shorter `max_standby_streaming_delay` without feedback cancels queries that a dashboard may send.
const SHORT_DELAY_MS: i64 = 10_000;

impl App {
    /// The read replica, if one is configured.
    pub(super) fn replica(&self, departures: &Departures) -> anyhow::Result<Replica> {
        let database = &self.config.database;
        let Some(url) = &database.read_url else { return Ok(Replica::none()) };
        let address =
            PgConnectOptions::from_str(url.expose_secret()).context("database.read_url is not a Postgres address")?;
        Ok(Replica::new(ReplicaSettings {
            address,
            route: self.route(),
            max_connections: database.max_connections,
            probe_connections: PROBE_CONNECTIONS,
            max_lag: database.read_max_lag,
            departures: departures.clone(),
            clock: Arc::clone(&self.clock),
        }))
    }
}

/// Begins to observe a replica. Fails where it belongs to another database; one that is down or was promoted keeps no
/// service from its start.
pub(super) async fn begin(replica: &Replica, primary: &PgPool) -> anyhow::Result<Option<Follower>> {
    let Some(mut follower) = Follower::of(replica, primary.clone()) else { return Ok(None) };
    match tokio::time::timeout(REFUSE_WITHIN, follower.look()).await {
        Ok(Some(trouble @ ReplicaTrouble::Foreign)) => bail!("{} {}", trouble.sentence(), trouble.advice()),
        Ok(Some(trouble)) => {
            tracing::warn!(class = trouble.class(), advice = trouble.advice(), "{}", trouble.sentence());
        }
        Ok(None) | Err(_) => {}
    }
    Ok(Some(follower))
}

/// Returns whether the replica can be used, and what was found; `None`: none is configured.
pub(super) async fn check(app: &App, primary: &PgPool) -> Option<(bool, String)> {
    app.config.database.read_url.as_ref()?;
    Some(match judge(app, primary).await {
        Ok(finding) => (true, finding),
        Err(error) => (false, format!("{error:#}")),
    })
}

/// Returns what was found of a replica that can be used.
async fn judge(app: &App, primary: &PgPool) -> anyhow::Result<String> {
    let url = app.config.database.read_url.as_ref().context("there is no replica")?;
    let address = PgConnectOptions::from_str(url.expose_secret()).context("it is not a Postgres address")?;
    let purpose = Purpose::Probe(Departures::default());
    let replica = db::connect(address, app.route(), purpose, PROBE_CONNECTIONS).await?;
    // the primary first: a replica that has its position has everything
    let (of_primary, of_replica) = (position(primary).await?, position(&replica).await?);
    if let Some(trouble) = of_replica.mismatch(&of_primary) {
        bail!("{} {}", trouble.sentence(), trouble.advice());
    }
    let pending = db::pending_migrations(&replica).await.context("its schema")?;
    if pending > 0 && db::pending_migrations(primary).await? == 0 {
        bail!("it lacks {pending} migrations that the primary has: it is behind. {}", ReplicaTrouble::Behind.advice());
    }
    Ok(format!(
        "it is a replica of the database; {}; {}",
        lag(&of_primary, &of_replica),
        advice(&settings(&replica).await?)
    ))
}

fn lag(primary: &LogPosition, replica: &LogPosition) -> String {
    match primary.lsn.zip(replica.lsn).map(|(primary, replica)| primary - replica) {
        None => "it has replayed nothing yet".to_owned(),
        Some(bytes @ 1..) => format!("it is {bytes} bytes of the write-ahead log behind"),
        Some(_) => "it has replayed everything".to_owned(),
    }
}

fn advice(settings: &StandbySettings) -> String {
    match settings {
        StandbySettings { has_feedback: true, .. } => "hot_standby_feedback is on".to_owned(),
        StandbySettings { max_delay_ms: -1, .. } => {
            "long queries delay replay without end: set max_standby_streaming_delay".to_owned()
        }
        StandbySettings { max_delay_ms: ..SHORT_DELAY_MS, .. } => {
            "replay cancels queries soon, which the primary then answers: set hot_standby_feedback = on, or \
             max_standby_streaming_delay to 10s or more"
                .to_owned()
        }
        StandbySettings { max_delay_ms, .. } => {
            format!("replay waits up to {} s for a query, and cancels it then", max_delay_ms / 1_000)
        }
    }
}
