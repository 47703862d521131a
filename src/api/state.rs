//! The state that all handlers share. Connections, clock and everything that acts are handed in.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::api::access::caller::Caller;
use crate::api::access::policy::AccessPolicy;
use crate::api::actions::access::ActionAccess;
use crate::api::configured::{Alerts, Hooks};
use crate::api::memory::Memory;
use crate::api::problem::{ApiError, TOO_EXPENSIVE};
use crate::api::rejections::RejectReplays;
use crate::api::replica::handle::{Replica, ReplicaRead};
use crate::clock::Clock;
use crate::db::{Departures, WriteState};
use crate::query::ReadError;
use crate::query::catalog::Catalog;
use crate::query::pollers::HealthReads;
use crate::query::range::TimeRange;
use crate::query::zones::Zones;
use crate::store::source_change::SourceChanges;

/// Shared state of the handlers.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// Connections for reading. Their statement timeout is set elsewhere.
    pub pool: PgPool,
    /// The read replica.
    pub replica: Replica,
    /// Where `pool` is of the read replica; `None`: it is of the primary.
    pub on_replica: Option<OnReplica>,
    /// Connections for health, readiness, freshness and the version of the data, which never wait for an answer.
    pub probes: PgPool,
    /// Whether this process can write, as its signs of life show.
    pub writes: WriteState,
    /// Callers that go away.
    pub departures: Departures,
    /// Answers from memory.
    pub memory: Memory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Time zone of queries that name none.
    pub default_zone: Tz,
    /// The database's names of time zones.
    pub zones: Zones,
    /// Catalogs that the queries of one request share; `None`: each reads its own.
    pub shared_catalogs: Option<SharedCatalogs>,
    /// Whether the database spreads its tables over several nodes.
    pub is_distributed: bool,
    /// Thresholds of bad health.
    pub health: HealthSettings,
    /// Reads of the health of polling.
    pub health_reads: HealthReads,
    /// Cancelled once the process stops: it is not ready any more.
    pub draining: CancellationToken,
    /// Sources at which actions may be started.
    pub actions: ActionAccess,
    /// The configured alerts.
    pub alerts: Alerts,
    /// Sources whose webhooks are received.
    pub hooks: Hooks,
    /// Replays rejected records; `None`: this process cannot.
    pub replays: Option<Arc<dyn RejectReplays>>,
    /// Renames, merges and removes sources; `None`: this process cannot.
    pub source_changes: Option<SourceChanges>,
    /// Returns one sentence of advice to operators about a class of polling errors.
    pub error_advice: fn(&str) -> Option<&'static str>,
    /// Who may ask, and how.
    pub access_policy: Arc<AccessPolicy>,
    /// The caller of the request; no caller where it was not read from the request.
    pub caller: Caller,
}

/// Catalogs by the range that their gaps are of.
pub(crate) type SharedCatalogs = Arc<Mutex<HashMap<Option<TimeRange>, Catalog>>>;

/// What a request that is read from the replica needs besides.
#[derive(Debug, Clone)]
pub struct OnReplica {
    /// The replica holds everything that was committed before this instant.
    pub as_of: DateTime<Utc>,
    /// Connections of the primary, for a list whose pages the replica no longer gives.
    pub primary: PgPool,
}

/// The state for the caller of a request.
#[derive(Debug)]
pub(crate) struct ForCaller(pub(crate) ApiState);

impl FromRequestParts<ApiState> for ForCaller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
        let state = ApiState { caller, ..state.clone() };
        let Some(read) = parts.extensions.get::<ReplicaRead>().cloned() else { return Ok(Self(state)) };
        let ReplicaRead { pool, probes, as_of, .. } = read;
        let on_replica = Some(OnReplica { as_of, primary: state.pool });
        Ok(Self(ApiState { pool, on_replica, probes, ..state }))
    }
}

impl ApiState {
    /// Returns whether an error of a part of an answer is the replica's, which does not count: the whole answer has to
    /// fail, so that it is read again from the primary.
    pub(crate) fn counts_not(&self, error: &ApiError) -> bool {
        self.on_replica.is_some() && error.code() != TOO_EXPENSIVE
    }

    /// Notes that the data may have changed, perhaps by a command.
    pub fn note_change(&self, is_command: bool) {
        self.memory.doubt();
        if is_command {
            self.replica.note_command();
        }
    }

    /// Reads the sources that the caller may see, with the gaps that touch `range`.
    pub(crate) async fn catalog(&self, range: Option<TimeRange>) -> Result<Catalog, ReadError> {
        let Some(shared) = &self.shared_catalogs else { return self.catalog_from(&self.pool, range).await };
        let mut shared = shared.lock().await;
        if let Some(catalog) = shared.get(&range) {
            return Ok(catalog.clone());
        }
        let catalog = self.catalog_from(&self.pool, range).await?;
        shared.insert(range, catalog.clone());
        Ok(catalog)
    }

    /// Reads the same by other connections of this state.
    pub(crate) async fn catalog_from(&self, pool: &PgPool, range: Option<TimeRange>) -> Result<Catalog, ReadError> {
        let catalog = Catalog::load(pool, &self.caller.sources, range).await?;
        Ok(Catalog { replica_as_of: self.on_replica.as_ref().map(|replica| replica.as_of), ..catalog })
    }
}

/// Thresholds of bad health.
#[derive(Debug, Clone, Copy)]
pub struct HealthSettings {
    /// Longest time that the database may take to answer the readiness check.
    pub ready_timeout: Duration,
    /// Longest time that any other probe may take.
    pub probe_timeout: Duration,
    /// A run has stalled after this long without a sign of life.
    pub stalled_after: TimeDelta,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            ready_timeout: Duration::from_millis(500),
            probe_timeout: Duration::from_secs(3),
            stalled_after: TimeDelta::minutes(5),
        }
    }
}
