//! `tributary serve`: runs the API, the pollers, or both, until stopped.
//!
//! Shutdown has an order: readiness goes off, the schedule ends, polls finish the page in flight, and open requests are
//! answered. Work that still runs after the grace time is left to the next start, which loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::app::service::Role;

use crate::api::access::caller::Caller;
use crate::api::access::policy::AccessPolicy;
use crate::api::access::tls::Tls;
use crate::api::actions::access::ActionAccess;
use crate::api::configured::{Alerts, Hooks};
use crate::api::connections::{self, ConnectionLimits};
use crate::api::memory::Memory;
use crate::api::rejections::RejectReplays;
use crate::api::replica::follow::Follower;
use crate::api::replica::handle::Replica;
use crate::api::{self, ApiState, HealthSettings};
use crate::app::checking::CheckLine;
use crate::app::reloading::Reloads;
use crate::app::service::Service;
use crate::app::{App, alerting, freed_memory, heartbeat, replica, state_report};
use crate::config::{AuthMode, ServerConfig};
use crate::db::{DatabaseTrouble, Departures, Purpose, follow_changes};
use crate::ingest;
use crate::query::pollers::HealthReads;
use crate::query::zones::Zones;
use crate::store::source_change::SourceChanges;
use crate::telemetry::metrics;
use crate::web;

/// Longest time that a shutdown waits for polls and requests.
const GRACE: Duration = Duration::from_secs(30);

/// The version of the data is asked for again after this time: with the time that the asking takes, no answer from
/// memory is older than a second.
const VERSION_MAX_AGE: Duration = Duration::from_millis(800);

/// Serves until `stop` is cancelled, and switches to another configuration when `reloads` triggers. Calls
/// `on_ready` with the address once requests are answered.
pub async fn serve(
    app: &App,
    role: Role,
    stop: CancellationToken,
    reloads: Reloads,
    on_ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    if role != Role::Api && app.config.sources.is_empty() {
        return Err(crate::app::sources::no_source());
    }
    metrics::start();
    let reports = state_report::requests()?;
    let tracker = TaskTracker::new();
    // first, so that an address in use fails the start before anything runs
    let server = &app.config.server;
    let listeners = Listeners {
        api: if role == Role::Poller { None } else { Some(listen("server.listen", server.listen).await?) },
        ops: match server.ops_listen {
            Some(address) => Some(listen("server.ops_listen", address).await?),
            None => None,
        },
    };
    let polls = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&polls).await?;
    let mut service = Service::start(app, role, polls, &stop, &tracker).await?;
    let (actions, replays) = (service.actions.clone(), service.replays.clone());
    let replays = replays.map(|replays| replays as Arc<dyn RejectReplays>);
    let source_changes = app.source_changes(&service.polls).await?;
    let (hooks, alerts) = (service.hooks.clone(), service.alerts.clone());
    let started = Started { role, listeners, reports, actions, hooks, alerts, replays, source_changes };
    let work = answer(app, started, &stop, on_ready);
    let answered = tokio::select! {
        answered = work => answered,
        () = reloads.follow(app, role, &mut service) => Ok(()),
    };
    stop.cancel();
    if let Some(schedule) = service.schedule {
        schedule.stop().await;
    }
    tracker.close();
    if tokio::time::timeout(GRACE, tracker.wait()).await.is_err() {
        tracing::warn!("polls did not end within the grace time; the next start continues from the last saved page");
    }
    service.polls.close().await;
    answered
}

/// What a process answers with.
struct Started {
    role: Role,
    listeners: Listeners,
    reports: Signal,
    actions: ActionAccess,
    hooks: Hooks,
    alerts: Alerts,
    replays: Option<Arc<dyn RejectReplays>>,
    source_changes: SourceChanges,
}

/// The addresses that this process answers.
struct Listeners {
    api: Option<TcpListener>,
    ops: Option<TcpListener>,
}

/// Tries the addresses that a process of this role answers.
pub async fn check_addresses(app: &App, role: Role) -> Vec<CheckLine> {
    let server = &app.config.server;
    let api = (role != Role::Poller).then_some(("server.listen", server.listen));
    let ops = server.ops_listen.map(|address| ("server.ops_listen", address));
    let mut lines = Vec::new();
    for (key, address) in api.into_iter().chain(ops) {
        let (is_well, finding) = match listen(key, address).await {
            Ok(_) => (true, format!("{key}: {address} is free")),
            Err(error) => (false, format!("{error:#}")),
        };
        lines.push(CheckLine { subject: "address".to_owned(), is_well, finding });
    }
    lines
}

async fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("{key}: cannot listen on {address}; is another process using it?"))
}

/// Answers until `stop`, and then the open requests within the grace time.
async fn answer(
    app: &App,
    started: Started,
    stop: &CancellationToken,
    on_ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let Started { role, listeners, reports, actions, hooks, alerts, replays, source_changes } = started;
    let (polls, writes_pool) = (source_changes.pool.clone(), source_changes.pool.clone());
    warn_of_plain_keys(&app.config.server);
    let tls = app.config.server.tls.as_ref().map(Tls::read).transpose()?.map(Arc::new);
    let departures = Departures::default();
    let probes = app.pool(Purpose::Probe(departures.clone())).await?;
    let reads = match listeners.api {
        Some(_) => app.pool(Purpose::Answer(departures.clone())).await?,
        None => probes.clone(),
    };
    let replica = if listeners.api.is_some() { app.replica(&departures)? } else { Replica::none() };
    let follower = replica::begin(&replica, &probes).await?;
    // probes read the keys too, so that no slow answer holds up a caller's key
    let access_policy = Arc::new(AccessPolicy::new(&app.config.server, &probes, Arc::clone(&app.clock)));
    let state = ApiState {
        pool: reads.clone(),
        replica,
        on_replica: None,
        probes: probes.clone(),
        writes: app.writes.clone(),
        departures,
        memory: Memory::new(app.config.server.answer_memory_mb << 20, VERSION_MAX_AGE),
        clock: Arc::clone(&app.clock),
        default_zone: app.config.server.default_zone,
        zones: zones(app, &probes).await,
        shared_catalogs: None,
        is_distributed: app.config.database.is_citus,
        health: HealthSettings::default(),
        health_reads: HealthReads::default(),
        draining: stop.clone(),
        actions,
        hooks,
        alerts,
        replays,
        source_changes: Some(source_changes),
        error_advice: ingest::advice_for,
        access_policy: Arc::clone(&access_policy),
        caller: Caller::default(),
    };
    let (mut served, limits) = (JoinSet::new(), ConnectionLimits::of_process(app.config.server.max_connections));
    spawn_upkeep(&mut served, role, reports, &state, polls, stop);
    if let Some(listener) = listeners.ops {
        tracing::info!(address = ?listener.local_addr().ok(), "answering probes");
        served.spawn(connections::serve(listener, None, api::ops_router(state.clone()), limits, stop.clone()));
    }
    if let Some(listener) = listeners.api {
        spawn_followers(&mut served, app, &state, (writes_pool, follower), stop);
        let address = listener.local_addr().context("the listener has no address")?;
        tracing::info!(%address, max_connections = limits.max_connections, "answering");
        on_ready(address);
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        served.spawn(connections::serve(listener, tls, api::router(state, web::pages()), limits, stop.clone()));
    } else {
        tracing::info!("polling");
    }
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = app.writes.until(DatabaseTrouble::DiskFull), if app.ends_on_full_disk => {
            stop.cancel();
            Err(anyhow::anyhow!("the disk is full: free some space, and start again; what is stored stays"))
        }
    };
    if tokio::time::timeout(GRACE, served.join_all()).await.is_err() {
        tracing::warn!("open requests were cut off after the grace time");
    }
    access_policy.audit.flush().await;
    reads.close().await;
    probes.close().await;
    ended
}

/// Starts the signs of life of this process, its reports on request, and the return of freed memory.
fn spawn_upkeep(
    served: &mut JoinSet<()>,
    role: Role,
    reports: Signal,
    state: &ApiState,
    polls: PgPool,
    stop: &CancellationToken,
) {
    let instance = heartbeat::this_instance(role);
    served.spawn(heartbeat::beat(state.probes.clone(), instance, state.writes.clone(), stop.clone()));
    let reported = state_report::Reported {
        clock: Arc::clone(&state.clock),
        stalled_after: state.health.stalled_after,
        writes: state.writes.clone(),
        probes: state.probes.clone(),
        replica: state.replica.clone(),
        pools: vec![("answer", state.pool.clone()), ("probe", state.probes.clone()), ("poll", polls)],
    };
    served.spawn(state_report::follow(reports, reported, stop.clone()));
    served.spawn(freed_memory::give_back(stop.clone()));
}

/// Starts what follows the data for the API: alerts, notices of changes, and the read replica.
fn spawn_followers(
    served: &mut JoinSet<()>,
    app: &App,
    state: &ApiState,
    (writes, follower): (PgPool, Option<Follower>),
    stop: &CancellationToken,
) {
    served.spawn(alerting::follow(state.clone(), writes, stop.clone()));
    if !app.config.database.has_transaction_pooler {
        let changed = state.clone();
        let on_change = move |is_command| changed.note_change(is_command);
        served.spawn(follow_changes(state.probes.clone(), stop.clone(), on_change));
    }
    if let Some(follower) = follower {
        served.spawn(follower.follow(stop.clone()));
    }
}

/// Warns where keys would travel unencrypted, unless a proxy in front of the service may do that part.
fn warn_of_plain_keys(server: &ServerConfig) {
    let is_behind_proxy = !server.trusted_proxies.is_empty();
    if server.auth == AuthMode::Keys && server.tls.is_none() && !server.listen.ip().is_loopback() && !is_behind_proxy {
        tracing::warn!("keys and answers are sent unencrypted: set server.tls, or put a proxy with TLS in front");
    }
}

/// Reads the time zones of the database now, so that the first query does not wait for them.
async fn zones(app: &App, pool: &PgPool) -> Zones {
    let (zones, zone) = (Zones::default(), app.config.server.default_zone);
    match zones.name(pool, zone).await {
        Ok(Some(_)) => {}
        Ok(None) => tracing::warn!(%zone, "the database lacks server.default_zone; `tributary check` names the remedy"),
        Err(error) => tracing::debug!(error = ?error, "the time zones are read with the first query"),
    }
    zones
}
