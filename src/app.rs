//! Wiring: configuration and providers become sources, sources go to `ingest`, questions to `api`; and
//! everything stops in order. The only module that knows all others; it decides nothing about data.

mod accounts;
mod alert_sender;
pub mod alerting;
pub mod alerts;
pub mod backfilling;
mod budgets;
pub mod freed_memory;
mod closed_hours;
mod heartbeat;
pub mod checking;
pub mod erasing;
pub mod keys;
pub mod polling;
pub mod progress;
pub mod pruning;
pub mod reconciling;
mod replay_service;
mod replica;
pub mod reloading;
pub mod replay_verb;
pub mod replaying;
pub mod retrying;
mod service;
mod state_report;
pub mod stopping;
pub mod serving;
pub mod source_changes;
pub mod sources;
pub mod windows;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Dice};
use crate::config::{Config, ConfigInput, ProviderDefaults};
use crate::connector::ProviderEntry;
use crate::db::{self, Engine, Purpose, Route, WriteState};
use crate::ingest::Poller;
use crate::model::person::PersonKey;
use crate::model::session::SessionKind;
use crate::providers;
use crate::query::metrics::publish;
use crate::store::pseudonym_key;
use crate::store::source_change::SourceChanges;
use crate::telemetry;

/// What a process was started with.
#[derive(Debug)]
pub struct App {
    /// The providers that sources may name.
    pub providers: &'static [ProviderEntry],
    /// The settings.
    pub config: Config,
    /// Where the data lives.
    pub database: PgConnectOptions,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub dice: Arc<Dice>,
    /// What the writes of this process show about the database.
    pub writes: WriteState,
    /// Whether the service ends when the disk of its database is full, instead of waiting for space.
    pub ends_on_full_disk: bool,
}

/// Connections of a process for probes; one of them listens for changes.
const PROBE_CONNECTIONS: u32 = 3;

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "tributary.toml";

/// Reads the configuration: `path`, else `TRIBUTARY_CONFIG`, else `tributary.toml` if it exists.
pub fn read_config(path: Option<&Path>, environment: &BTreeMap<String, String>) -> anyhow::Result<Config> {
    let named = path.map(PathBuf::from).or_else(|| environment.get("TRIBUTARY_CONFIG").map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    let toml = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => bail!(
            "the configuration {} cannot be read: {error}; name a file with --config or TRIBUTARY_CONFIG",
            path.display()
        ),
    };
    let mut config =
        parse_config(&toml, environment).with_context(|| format!("in {} and the environment", path.display()))?;
    config.files_of_start.extend(config.holds_password.then_some(path));
    Ok(config)
}

/// Reads a configuration from text.
pub fn parse_config(toml: &str, environment: &BTreeMap<String, String>) -> anyhow::Result<Config> {
    parse_config_with(&providers::ALL, toml, environment)
}

/// Reads a configuration whose sources may name these providers.
pub fn parse_config_with(
    providers: &[ProviderEntry],
    toml: &str,
    environment: &BTreeMap<String, String>,
) -> anyhow::Result<Config> {
    let providers = providers.iter().map(|entry| ProviderDefaults {
        name: entry.name,
        base_url: entry.default_base_url,
        requests_per_minute: entry.default_requests_per_minute,
        schedule: entry.default_schedule,
        required_settings: entry.required_settings,
        has_chats: entry.capabilities.session_kinds.contains(&SessionKind::Chat),
        has_hooks: entry.hooks.is_some(),
    });
    let providers: Vec<ProviderDefaults> = providers.collect();
    Ok(Config::read(&ConfigInput { toml, environment, providers: &providers })?)
}

impl App {
    /// An app with all providers, whose database is the configured one, unless another (an embedded server) is handed
    /// in.
    pub fn new(
        config: Config,
        embedded: Option<PgConnectOptions>,
        clock: Arc<dyn Clock>,
        dice: Arc<Dice>,
    ) -> anyhow::Result<Self> {
        let database = match (&config.database.url, embedded) {
            (_, Some(options)) => options,
            (Some(url), None) => {
                PgConnectOptions::from_str(url.expose_secret()).context("database.url is not a Postgres address")?
            }
            (None, None) => {
                let or_demo =
                    if cfg!(feature = "demo") { ", or run `tributary demo`, which starts its own" } else { "" };
                bail!("no database is configured: set database.url, or DATABASE_URL{or_demo}")
            }
        };
        Ok(Self {
            providers: &providers::ALL,
            config,
            database,
            clock,
            dice,
            writes: WriteState::default(),
            ends_on_full_disk: false,
        })
    }

    fn route(&self) -> Route {
        if self.config.database.has_transaction_pooler { Route::TransactionPooler } else { Route::Direct }
    }

    /// A pool for `purpose`.
    pub async fn pool(&self, purpose: Purpose) -> anyhow::Result<PgPool> {
        let max_connections = match purpose {
            Purpose::Poll | Purpose::Answer(_) => self.config.database.max_connections,
            Purpose::Probe(_) => PROBE_CONNECTIONS,
        };
        Ok(db::connect(self.database.clone(), self.route(), purpose, max_connections).await?)
    }

    /// A pool for `purpose`, unless the process is told to stop while the database does not answer.
    pub async fn pool_unless_stopped(&self, purpose: Purpose, stop: &CancellationToken) -> anyhow::Result<PgPool> {
        tokio::select! {
            () = stop.cancelled() => bail!("stopped before the database responded"),
            pool = self.pool(purpose) => pool,
        }
    }

    /// Brings the database to this version: its schema, and the list of metrics that analysts read there.
    pub async fn migrate(&self, pool: &PgPool) -> anyhow::Result<()> {
        let engine = if self.config.database.is_citus { Engine::Citus } else { Engine::Postgres };
        db::migrate(pool, engine).await?;
        publish::write_definitions(pool, self.clock.now()).await?;
        publish::write_functions(pool).await?;
        Ok(())
    }

    /// The key for pseudonyms: the configured one, else the stored one.
    pub async fn person_key(&self, pool: &PgPool) -> anyhow::Result<PersonKey> {
        let configured = self.config.person_key.as_ref();
        let configured = configured.and_then(|key| PersonKey::new(key.expose_secret().as_bytes().to_vec()));
        match configured {
            Some(key) => Ok(key),
            None => pseudonym_key::load(pool, self.clock.now())
                .await?
                .context("the stored key for pseudonyms is too short; remove it from ingest.secrets"),
        }
    }

    /// What changes of sources need.
    pub async fn source_changes(&self, pool: &PgPool) -> anyhow::Result<SourceChanges> {
        let person_key = self.person_key(pool).await?;
        Ok(SourceChanges { pool: pool.clone(), person_key, is_distributed: self.config.database.is_citus })
    }

    /// What polls need; `stop` ends them after the page in flight.
    pub async fn poller(&self, pool: PgPool, stop: CancellationToken) -> anyhow::Result<Poller> {
        let person_key = self.person_key(&pool).await?;
        Ok(Poller {
            pool,
            clock: Arc::clone(&self.clock),
            dice: Arc::clone(&self.dice),
            person_key,
            owner: format!("{}:{}", telemetry::host(), std::process::id()),
            lease_duration: self.config.polling.lease_duration,
            large: Arc::new(Semaphore::new(1)),
            writes: self.writes.clone(),
            stop,
        })
    }
}

/// Returns an error and its causes on one line, without a cause that the text before it has already: errors of the
/// driver repeat theirs.
pub fn on_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Writes a remark to standard error, whether or not it can be read there.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes to standard output. A reader that has gone, as behind `| head`, has seen enough.
pub fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
