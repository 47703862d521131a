//! The replica as requests see it: whether it is used now, and its connections.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::db::{Departures, Route};
use crate::query::replication::{ReplicaHealth, ReplicaTrouble};

/// What a replica is reached and judged by.
#[derive(Debug)]
pub struct ReplicaSettings {
    /// Its address.
    pub address: PgConnectOptions,
    /// The connection to it.
    pub route: Route,
    /// Most connections for answers.
    pub max_connections: u32,
    /// Most connections for the version of the data and for the observation.
    pub probe_connections: u32,
    /// It is not used while it is further behind.
    pub max_lag: TimeDelta,
    /// Callers that depart.
    pub departures: Departures,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// The read replica, if one is configured; shared by all clones.
#[derive(Debug, Clone)]
pub struct Replica(pub(super) Option<Arc<Inner>>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: ReplicaSettings,
    pub(super) pools: OnceLock<Pools>,
    /// Number of commands that changed what answers show.
    pub(super) commands: AtomicU64,
    /// Wakes the observation early.
    pub(super) wake: Notify,
    pub(super) seen: watch::Sender<Seen>,
}

#[derive(Debug)]
pub(super) struct Pools {
    pub(super) answers: PgPool,
    pub(super) probes: PgPool,
}

/// What the last look found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) trouble: Option<ReplicaTrouble>,
    pub(super) as_of: Option<DateTime<Utc>>,
    /// Commands that it holds.
    pub(super) commands: u64,
}

/// The replica, chosen for one request; an extension of the request.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaRead {
    /// Connections for answers.
    pub(crate) pool: PgPool,
    /// Connections for the version of the data.
    pub(crate) probes: PgPool,
    /// It holds everything that was committed before this instant.
    pub(crate) as_of: DateTime<Utc>,
    /// Number of commands that it holds.
    pub(crate) commands: u64,
}

impl Replica {
    /// No replica is configured.
    pub fn none() -> Self {
        Self(None)
    }

    /// A replica, which is used once a look has found that it serves.
    pub fn new(settings: ReplicaSettings) -> Self {
        let seen = Seen { trouble: Some(ReplicaTrouble::Unreachable), as_of: None, commands: 0 };
        Self(Some(Arc::new(Inner {
            settings,
            pools: OnceLock::new(),
            commands: AtomicU64::new(0),
            wake: Notify::new(),
            seen: watch::Sender::new(seen),
        })))
    }

    /// Notes a command that changed what answers show: the primary answers until the replica holds it.
    pub fn note_command(&self) {
        if let Some(inner) = &self.0 {
            inner.commands.fetch_add(1, SeqCst);
            inner.wake.notify_one();
        }
    }

    /// Returns its health; `None`: no replica is configured.
    pub fn health(&self) -> Option<ReplicaHealth> {
        self.0.as_ref().map(|inner| inner.health())
    }

    /// Returns its connections for answers, once it was reached.
    pub(crate) fn pool(&self) -> Option<&PgPool> {
        Some(&self.0.as_ref()?.pools.get()?.answers)
    }
}

impl Inner {
    pub(super) fn health(&self) -> ReplicaHealth {
        let seen = *self.seen.borrow();
        // a clock that was set back makes it no younger than new
        let lag = seen.as_of.map(|at| (self.settings.clock.now() - at).max(TimeDelta::zero()));
        let is_behind = lag.is_none_or(|lag| lag > self.settings.max_lag);
        let trouble = seen.trouble.or(is_behind.then_some(ReplicaTrouble::Behind));
        ReplicaHealth {
            is_used: trouble.is_none(),
            as_of: seen.as_of,
            lag_seconds: lag.map(|lag| lag.num_seconds()),
            trouble,
        }
    }

    /// Returns the replica for a request, or why the primary answers it.
    pub(super) fn read(&self) -> Result<ReplicaRead, &'static str> {
        let health = self.health();
        if let Some(trouble) = health.trouble {
            return Err(trouble.class());
        }
        let commands = self.seen.borrow().commands;
        if commands < self.commands.load(SeqCst) {
            return Err("replica_lacks_command");
        }
        let (Some(pools), Some(as_of)) = (self.pools.get(), health.as_of) else {
            return Err(ReplicaTrouble::Unreachable.class());
        };
        Ok(ReplicaRead { pool: pools.answers.clone(), probes: pools.probes.clone(), as_of, commands })
    }

    /// Waits until the replica no longer serves.
    pub(super) async fn lost(&self) {
        // the sender lives as long as this
        let _ = self.seen.subscribe().wait_for(|seen| seen.trouble.is_some()).await;
    }
}
