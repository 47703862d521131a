//! The running parts of the service, which a reload of the configuration replaces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::actions::access::{ActionAccess, Allowed};
use crate::api::configured::{Alerts, Hooks, SourceHooks};
use crate::app::replay_service::ReplayService;
use crate::app::sources::{ConnectorFactory, connect_sources};
use crate::app::{App, closed_hours, erasing, pruning};
use crate::ingest::Source;
use crate::ingest::schedule::Schedule;
use crate::store::erasure::People;

/// Longest time that a call that starts something may wait for its turn in the provider's call budget.
const TURN: Duration = Duration::from_secs(30);

/// The part of the service that a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// API and pollers.
    All,
    /// Only the API.
    Api,
    /// Only the pollers.
    Poller,
}

/// The running parts, which a reload of the configuration replaces.
pub(super) struct Service {
    /// Connections of the pollers.
    pub(super) polls: PgPool,
    pub(super) actions: ActionAccess,
    pub(super) hooks: Hooks,
    pub(super) alerts: Alerts,
    pub(super) replays: Option<Arc<ReplayService>>,
    pub(super) schedule: Option<Schedule>,
}

impl Service {
    /// Connects the sources, and starts the parts of this role.
    pub(super) async fn start(
        app: &App,
        role: Role,
        polls: PgPool,
        stop: &CancellationToken,
        tracker: &TaskTracker,
    ) -> anyhow::Result<Self> {
        let sources = if role == Role::Api { Vec::new() } else { connect_sources(app, &polls).await? };
        // a call may wait for its turn before its own timeouts begin
        let actions = ActionAccess::new(app.config.http.total_timeout + TURN);
        actions.replace(allowed(app, &polls, &sources)?);
        let hooks = Hooks::default();
        hooks.replace(received(app)?);
        let alerts = Alerts::default();
        alerts.replace(&app.config.alerts, app.clock.now());
        let replays = match role {
            Role::Poller => None,
            Role::All | Role::Api => Some(Arc::new(ReplayService::open(app, &polls, &sources, stop).await?)),
        };
        // nodes show a page one after another: an hour could be closed without the rows of a node that returns later
        if !app.config.database.is_citus {
            tracker.spawn(closed_hours::keep_closed(polls.clone(), stop.clone()));
        }
        let mut schedule = None;
        if role != Role::Api {
            let people = People { pool: polls.clone(), person_key: app.person_key(&polls).await? };
            tracker.spawn(erasing::follow(people.clone(), Arc::clone(&app.clock), stop.clone()));
            tracker.spawn(pruning::daily(app, people, stop.clone()));
            let poller = Arc::new(app.poller(polls.clone(), stop.clone()).await?);
            let started = Schedule::start(&poller, sources, tracker).await;
            schedule = Some(started.context("the schedule could not be started")?);
        }
        Ok(Self { polls, actions, hooks, alerts, replays, schedule })
    }

    /// Switches to the sources of `app`; sources whose slugs are in `unchanged` continue undisturbed.
    pub(super) async fn go_over_to(&mut self, app: &App, unchanged: &BTreeSet<String>) -> anyhow::Result<()> {
        let sources = match self.schedule {
            Some(_) => connect_sources(app, &self.polls).await?,
            None => Vec::new(),
        };
        self.actions.replace(allowed(app, &self.polls, &sources)?);
        self.hooks.replace(received(app)?);
        self.alerts.replace(&app.config.alerts, app.clock.now());
        if let Some(replays) = &self.replays {
            replays.replace(app, &sources).await?;
        }
        if let Some(schedule) = &mut self.schedule {
            let stay = sources.iter().filter(|source| unchanged.contains(source.slug.as_str()));
            let stay = stay.map(|source| source.id).collect();
            schedule.replace(sources, &stay).await.context("the schedule could not be replaced")?;
        }
        Ok(())
    }
}

/// Returns the sources that allow actions. A process that polls uses the connectors of its polls; one that only
/// answers makes its own.
fn allowed(app: &App, pool: &PgPool, polled: &[Source]) -> anyhow::Result<Allowed> {
    let factory = ConnectorFactory::new(app, Some(pool))?;
    let mut allowed = Allowed::new();
    for (index, source) in app.config.sources.iter().enumerate().filter(|(_, source)| source.are_actions_enabled) {
        let polled = polled.iter().find(|polled| polled.slug == source.slug);
        let connector = match polled {
            Some(polled) => Arc::clone(&polled.connector),
            None => factory.connect(index, BTreeMap::new())?,
        };
        allowed.insert(source.slug.to_string(), connector.actions());
    }
    Ok(allowed)
}

/// Returns the sources whose webhooks are received.
fn received(app: &App) -> anyhow::Result<BTreeMap<String, SourceHooks>> {
    let mut received = BTreeMap::new();
    for source in &app.config.sources {
        let entry = app.entry_of(source)?;
        if let Some((read, key)) = entry.hooks.zip(source.webhook_key.clone()) {
            received.insert(source.slug.to_string(), SourceHooks { provider: entry.name, read, key });
        }
    }
    Ok(received)
}
