//! The state of a process in its log, on SIGUSR1: for an operator who reaches no address of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use sqlx::PgPool;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::replica::handle::Replica;
use crate::clock::Clock;
use crate::db::{DatabaseTrouble, WriteState};
use crate::ingest;
use crate::query::pollers::{self, Criteria, Health};

/// Time limit for reading the state.
const WITHIN: Duration = Duration::from_secs(5);

/// Returns the signals that ask for a report. Taken at the start: without it, the signal would end the process.
pub(super) fn requests() -> anyhow::Result<Signal> {
    signal(SignalKind::user_defined1()).context("SIGUSR1 cannot be handled")
}

/// What a report reads.
pub(super) struct Reported {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stalled_after: TimeDelta,
    pub(super) writes: WriteState,
    pub(super) probes: PgPool,
    pub(super) replica: Replica,
    /// The pools of this process, by name.
    pub(super) pools: Vec<(&'static str, PgPool)>,
}

/// Writes a report for each request, until `stop`.
pub(super) async fn follow(mut requests: Signal, reported: Reported, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            request = requests.recv() => if request.is_none() { return },
        }
        for (name, pool) in &reported.pools {
            let limit = pool.options().get_max_connections();
            tracing::info!(pool = name, connections = pool.size(), idle = pool.num_idle(), limit, "state of a pool");
        }
        let criteria = Criteria {
            now: reported.clock.now(),
            is_set_by_hand: reported.clock.is_set_by_hand(),
            stalled_after: reported.stalled_after,
            advice: ingest::advice_for,
            write_trouble: reported.writes.trouble(),
            replica: reported.replica.health(),
        };
        let read = tokio::time::timeout(WITHIN, pollers::read(&reported.probes, &criteria)).await;
        if let Ok(Ok(health)) = read {
            write(&health);
        } else {
            let trouble = DatabaseTrouble::ask(&reported.probes).await;
            tracing::warn!(class = trouble.class(), advice = trouble.advice(), "{}", trouble.sentence());
        }
    }
}

fn write(health: &Health) {
    for problem in &health.service.problems {
        tracing::warn!(class = problem.class, advice = problem.advice, "{}", problem.detail);
    }
    for instance in &health.service.instances {
        tracing::info!(
            other = instance.id,
            role = instance.role,
            is_alive = instance.is_alive,
            last_seen_at = %instance.last_seen_at,
            "state of an instance"
        );
    }
    for poller in &health.pollers {
        tracing::info!(
            source = poller.source,
            stream = poller.stream,
            state = poller.state.as_str(),
            is_failing = poller.is_failing,
            failing_because = ?poller.failing_because,
            lag_seconds = poller.lag_seconds,
            consecutive_failures = poller.consecutive_failures,
            class = poller.last_error.as_ref().map(|error| error.class.as_str()),
            "state of a stream"
        );
    }
}
