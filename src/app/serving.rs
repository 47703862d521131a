//! `tributary serve`: runs the API, the pollers, or both, until stopped.
//!
//! Shutdown has an order: readiness goes off, the schedule ends, polls finish the page in flight, and open requests are
//! answered. Work that still runs after the grace time is left to the next start, which loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use futures_util::FutureExt;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::app::service::Role;

use crate::api::access::caller::Caller;
use crate::api::access::doors::Doors;
use crate::api::access::tls::{Tls, TlsListener};
use crate::api::actions::access::ActionAccess;
use crate::api::rejections::RejectReplays;
use crate::api::{self, ApiState, HealthSettings};
use crate::app::App;
use crate::app::reloading::Reloads;
use crate::app::service::Service;
use crate::config::{AuthMode, ServerConfig};
use crate::db::Purpose;
use crate::ingest;
use crate::query::zones::Zones;
use crate::store::source_change::SourceChanges;

/// Longest time that a shutdown waits for polls and requests.
const GRACE: Duration = Duration::from_secs(30);

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
    let tracker = TaskTracker::new();
    // first, so that an address in use fails the start before anything runs
    let listener = if role == Role::Poller { None } else { Some(listen(app).await?) };
    let polls = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&polls).await?;
    let mut service = Service::start(app, role, polls, &stop, &tracker).await?;
    let parts = (service.actions.clone(), service.replays.clone().map(|replays| replays as Arc<dyn RejectReplays>));
    let changes = SourceChanges { pool: service.polls.clone(), person_key: app.person_key(&service.polls).await? };
    let work = async {
        if let Some(listener) = listener {
            answer(app, listener, parts, changes, &stop, on_ready).await
        } else {
            tracing::info!("polling");
            stop.cancelled().await;
            Ok(())
        }
    };
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

async fn listen(app: &App) -> anyhow::Result<TcpListener> {
    let listen = app.config.server.listen;
    let listener = TcpListener::bind(listen).await;
    listener.with_context(|| format!("server.listen: cannot listen on {listen}; is another process using it?"))
}

async fn answer(
    app: &App,
    listener: TcpListener,
    (actions, replays): (ActionAccess, Option<Arc<dyn RejectReplays>>),
    source_changes: SourceChanges,
    stop: &CancellationToken,
    on_ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    warn_of_plain_keys(&app.config.server);
    let tls = app.config.server.tls.as_ref().map(Tls::read).transpose()?;
    let reads = app.pool(Purpose::Answer).await?;
    let address = listener.local_addr().context("the listener has no address")?;
    let doors = Arc::new(Doors::new(&app.config.server, &reads, Arc::clone(&app.clock)));
    let state = ApiState {
        pool: reads.clone(),
        clock: Arc::clone(&app.clock),
        default_zone: app.config.server.default_zone,
        zones: zones(app, &reads).await,
        health: HealthSettings::default(),
        draining: stop.clone(),
        actions,
        replays,
        source_changes: Some(source_changes),
        error_advice: ingest::advice_for,
        doors: Arc::clone(&doors),
        caller: Caller::default(),
    };
    tracing::info!(%address, "answering");
    on_ready(address);
    let service = api::router(state).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone().cancelled_owned();
    let served = match tls {
        None => axum::serve(listener, service).with_graceful_shutdown(stopped).into_future().left_future(),
        // tapped, since axum knows the address of a tapped listener of any kind
        Some(tls) => {
            let listener = TlsListener::new(listener, tls).context("the listener has no address")?.tap_io(|_| {});
            axum::serve(listener, service).with_graceful_shutdown(stopped).into_future().right_future()
        }
    };
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = served => served.context("the listener failed")?,
        () = deadline => tracing::warn!("open requests were cut off after the grace time"),
    }
    doors.audit.flush().await;
    reads.close().await;
    Ok(())
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

/// Returns a token that SIGINT or SIGTERM cancels; a second signal ends the process at once.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if token.is_cancelled() {
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(130);
            }
            tracing::info!("stopping: finishing the page in flight");
            token.cancel();
        }
    });
    Ok(stop)
}
