//! The state that all handlers share. Connections, clock and everything that acts are handed in.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::TimeDelta;
use chrono_tz::Tz;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::api::access::caller::Caller;
use crate::api::access::policy::AccessPolicy;
use crate::api::actions::access::ActionAccess;
use crate::api::configured::{Alerts, Hooks};
use crate::api::memory::Memory;
use crate::api::rejections::RejectReplays;
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

/// The state for the caller of a request.
#[derive(Debug)]
pub(crate) struct ForCaller(pub(crate) ApiState);

impl FromRequestParts<ApiState> for ForCaller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
        Ok(Self(ApiState { caller, ..state.clone() }))
    }
}

impl ApiState {
    /// Reads the sources that the caller may see, with the gaps that touch `range`.
    pub(crate) async fn catalog(&self, range: Option<TimeRange>) -> Result<Catalog, ReadError> {
        Catalog::load(&self.pool, &self.caller.sources, range).await
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
