//! Reloading the configuration while the service runs.
//!
//! New sources start. Removed sources end after the page in flight, and their data stays. Changed sources end and start
//! again, and all others continue undisturbed. A configuration with faults, or one that cannot be registered, leaves
//! the old one in force. Each reload is written into the journal of operations with its outcome. `[database]`,
//! `[server]`, `[polling]` and `[privacy]` are read at the start only, and so is the environment.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use crate::app::App;
use crate::app::service::{Role, Service};
use crate::config::{Config, SourceConfig};
use crate::store::operation::{self, Operation, Operator};

/// The trigger and the reader of a reload.
pub struct Reloads {
    wanted: mpsc::Receiver<()>,
    read: Box<dyn Fn() -> anyhow::Result<Config> + Send + Sync>,
}

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloads").finish_non_exhaustive()
    }
}

impl Reloads {
    /// Never reloads.
    pub fn none() -> Self {
        let (_, wanted) = mpsc::channel(1);
        Self { wanted, read: Box::new(|| bail!("there is no configuration file to reload")) }
    }

    /// Reloads on SIGHUP, with `read`.
    pub fn on_hangup(read: impl Fn() -> anyhow::Result<Config> + Send + Sync + 'static) -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be handled")?;
        let (tell, wanted) = mpsc::channel(1);
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                // a signal during a reload is kept, further ones collapse into it
                let _ = tell.try_send(());
            }
        });
        Ok(Self { wanted, read: Box::new(read) })
    }

    /// Reloads the configuration on each trigger; never returns.
    pub(super) async fn follow(mut self, app: &App, role: Role, service: &mut Service) {
        let mut current: Option<App> = None;
        while self.wanted.recv().await.is_some() {
            let before = current.as_ref().unwrap_or(app);
            let outcome = match self.reload(app, before, role, service).await {
                Ok((next, outcome)) => {
                    tracing::info!(outcome, "the configuration was reloaded");
                    current = Some(next);
                    outcome
                }
                Err(error) => {
                    let fault = format!("{error:#}");
                    tracing::error!(fault, "the new configuration has faults: the old one stays in force");
                    format!("refused: {fault}")
                }
            };
            write_down(app, service, &outcome).await;
        }
        std::future::pending::<()>().await;
    }

    /// Goes over to the configuration that is read now. `start` and `before` have those of the start and of the last
    /// reload.
    async fn reload(
        &self,
        start: &App,
        before: &App,
        role: Role,
        service: &mut Service,
    ) -> anyhow::Result<(App, String)> {
        let config = (self.read)()?;
        if role != Role::Api && config.sources.is_empty() {
            bail!("no source is configured: add a [[sources]] section");
        }
        let App { providers, database, clock, dice, writes, ends_on_full_disk, .. } = before;
        let next = App {
            providers,
            config,
            database: database.clone(),
            clock: clock.clone(),
            dice: dice.clone(),
            writes: writes.clone(),
            ends_on_full_disk: *ends_on_full_disk,
        };
        let difference = Difference::of(&start.config, &before.config, &next.config);
        service.go_over_to(&next, &difference.unchanged).await?;
        Ok((next, difference.to_string()))
    }
}

async fn write_down(app: &App, service: &Service, outcome: &str) {
    let operator = Operator { requested_by: format!("SIGHUP of process {}", std::process::id()), request_id: None };
    let operation = Operation {
        source_id: None,
        stream: None,
        kind: "reload",
        target: Some(outcome),
        operator: &operator,
        now: app.clock.now(),
    };
    if let Err(error) = operation::write(&service.polls, &operation).await {
        tracing::warn!(cause = error.cause(), "the reload of the configuration could not be recorded");
    }
}

/// The difference between two configurations.
struct Difference {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    unchanged: BTreeSet<String>,
    added_alerts: Vec<String>,
    removed_alerts: Vec<String>,
    /// Sections that are read at the start only, and differ from those of the start.
    ignored: Vec<&'static str>,
}

impl Difference {
    fn of(start: &Config, before: &Config, after: &Config) -> Self {
        let find = |config: &Config, wanted: &SourceConfig| {
            config.sources.iter().find(|source| source.slug == wanted.slug).cloned()
        };
        let mut found = Self {
            added: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
            unchanged: BTreeSet::new(),
            added_alerts: alerts_without(after, before),
            removed_alerts: alerts_without(before, after),
            ignored: Vec::new(),
        };
        for source in &after.sources {
            let slug = source.slug.to_string();
            match find(before, source) {
                None => found.added.push(slug),
                Some(old) if old == *source && before.http == after.http => {
                    found.unchanged.insert(slug);
                }
                Some(_) => found.changed.push(slug),
            }
        }
        let removed = before.sources.iter().filter(|source| find(after, source).is_none());
        found.removed.extend(removed.map(|source| source.slug.to_string()));
        let person_key = |config: &Config| config.person_key.as_ref().map(|key| key.expose_secret().to_owned());
        let of_start = [
            ("[database]", !start.database.equals(&after.database)),
            ("[server]", format!("{:?}", start.server) != format!("{:?}", after.server)),
            ("[polling]", start.polling != after.polling),
            ("[privacy]", person_key(start) != person_key(after)),
        ];
        found.ignored.extend(of_start.into_iter().filter(|(_, differs)| *differs).map(|(section, _)| section));
        found
    }
}

/// Returns the names of the alerts of `config` that `other` lacks.
fn alerts_without(config: &Config, other: &Config) -> Vec<String> {
    let missing = config.alerts.iter().filter(|alert| other.alerts.iter().all(|other| other.name != alert.name));
    missing.map(|alert| alert.name.clone()).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "applied: {} unchanged", self.unchanged.len())?;
        for (what, names) in [
            ("added", &self.added),
            ("changed", &self.changed),
            ("removed", &self.removed),
            ("added alert", &self.added_alerts),
            ("removed alert", &self.removed_alerts),
        ] {
            if !names.is_empty() {
                write!(f, "; {what} {}", names.join(", "))?;
            }
        }
        if !self.ignored.is_empty() {
            write!(f, "; {} differ and take effect at the next start", self.ignored.join(", "))?;
        }
        Ok(())
    }
}
