//! The health of polling: one entry for each stream of each source.
//!
//! Nothing of it is stored. It is computed from facts at each request, so that a poller that died cannot leave a good
//! report behind.

pub mod clocks;
mod depth;
mod list_facts;
mod lists;
mod parts;
mod poller;
pub mod service;
pub mod tasks;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::db::DatabaseTrouble;
use crate::query::ReadError;
pub use crate::query::pollers::parts::{LastError, Pause};
pub use crate::query::pollers::poller::{FailingReason, Poller, PollerState};
use crate::query::pollers::service::ServiceHealth;
use crate::query::replication::ReplicaHealth;

/// The health of polling: what all streams share, and each stream.
#[derive(Debug, Clone)]
pub struct Health {
    /// What all streams share.
    pub service: ServiceHealth,
    /// The streams, by source.
    pub pollers: Vec<Poller>,
}

/// What health is judged by, besides the facts in the database.
#[derive(Debug, Clone, Copy)]
pub struct Criteria {
    /// The present.
    pub now: DateTime<Utc>,
    /// Whether `now` comes from a clock that was set by hand, which is compared with no other.
    pub is_set_by_hand: bool,
    /// A run without a heartbeat for this long has stalled.
    pub stalled_after: TimeDelta,
    /// Returns the advice for a class of errors.
    pub advice: fn(&str) -> Option<&'static str>,
    /// Why this process's last write failed.
    pub write_trouble: Option<DatabaseTrouble>,
    /// The read replica, as this process sees it.
    pub replica: Option<ReplicaHealth>,
}

/// Reads of the health of polling, shared by all clones: callers that ask at the same time share a read, so that their
/// number takes no connection from other probes.
#[derive(Debug, Clone, Default)]
pub struct HealthReads(Arc<Mutex<Option<(Instant, Health)>>>);

impl HealthReads {
    /// Returns a health that was read since this was called.
    pub async fn read(&self, pool: &PgPool, criteria: &Criteria) -> Result<Health, ReadError> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((_, health)) = last.as_ref().filter(|(began, _)| *began >= asked) {
            return Ok(health.clone());
        }
        let began = Instant::now();
        let health = read(pool, criteria).await?;
        *last = Some((began, health.clone()));
        Ok(health)
    }
}

/// Returns the health of polling. Where no poller is alive, every stream that is to be polled has stalled.
pub async fn read(pool: &PgPool, criteria: &Criteria) -> Result<Health, ReadError> {
    let Criteria { now, stalled_after, advice, .. } = *criteria;
    let compared = (!criteria.is_set_by_hand).then_some(now);
    let service = service::read(pool, compared, criteria.write_trouble, criteria.replica).await?;
    let mut pollers = lists::list(pool, now, stalled_after, advice).await?;
    for mut of_sessions in depth::list(pool, now, stalled_after, advice).await? {
        let list = pollers.iter().find(|list| list.source == of_sessions.source);
        of_sessions.quota = list.and_then(|list| list.quota.clone());
        pollers.push(of_sessions);
    }
    for poller in pollers.iter_mut().filter(|_| service.lacks_poller) {
        if !matches!(poller.state, PollerState::Disabled | PollerState::Paused) {
            (poller.state, poller.is_failing) = (PollerState::Stalled, true);
            poller.failing_because.insert(0, FailingReason::NoPoller);
        }
    }
    // List streams come before per-session streams of the same source: the sort is stable.
    pollers.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(Health { service, pollers })
}
