//! The keys in force, read again every other second, so that a revoked key ends within seconds.
//!
//! There are few keys, so all are read at once: a request then needs no look-up, and invented ids cost the database
//! nothing. Without a database that answers, keys are accepted for ten seconds more.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::api::problem::{AccessProblem, ApiError};
use crate::clock::Clock;
use crate::model::api_key::{KeyText, Scope};
use crate::query::api_keys::{self, StoredKey};
use crate::store::api_key::mark_used;

/// Age after which the keys are read again.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(2);
/// Age after which an unknown id makes them read again: a key may be used as soon as it is made.
const FRESH_FOR_UNKNOWN: TimeDelta = TimeDelta::milliseconds(200);
/// Age up to which they count while the database does not answer.
const USABLE_FOR: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Default)]
struct Ring {
    keys: HashMap<String, Arc<StoredKey>>,
    read_at: Option<DateTime<Utc>>,
}

/// The keys in force.
#[derive(Debug)]
pub struct KeyRing {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    environment: String,
    ring: RwLock<Arc<Ring>>,
    /// Held by the one that reads.
    reading: Mutex<()>,
    used: std::sync::Mutex<HashMap<String, DateTime<Utc>>>,
}

impl KeyRing {
    /// Keys of this environment, in this database.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, environment: String) -> Self {
        Self {
            pool,
            clock,
            environment,
            ring: RwLock::default(),
            reading: Mutex::default(),
            used: std::sync::Mutex::default(),
        }
    }

    /// Returns the key with this text, if it is in force.
    pub(super) async fn find(&self, text: &str) -> Result<Arc<StoredKey>, ApiError> {
        let key = KeyText::parse(text).ok_or(AccessProblem::UnusableKey)?;
        if key.environment != self.environment {
            return Err(AccessProblem::OtherEnvironment.into());
        }
        let mut ring = self.ring(FRESH_FOR).await?;
        if !ring.keys.contains_key(&key.id) {
            ring = self.ring(FRESH_FOR_UNKNOWN).await?;
        }
        // an id is no secret: only the comparison of hashes takes constant time
        let stored = ring.keys.get(&key.id).filter(|stored| stored.hash == key.hash());
        self.in_force(stored)
    }

    /// Returns the key that a session of the page was opened with, if it is in force.
    pub(super) async fn of_session(&self, key_id: &str) -> Result<Arc<StoredKey>, ApiError> {
        let mut ring = self.ring(FRESH_FOR).await?;
        if !ring.keys.contains_key(key_id) {
            ring = self.ring(FRESH_FOR_UNKNOWN).await?;
        }
        self.in_force(ring.keys.get(key_id))
    }

    fn in_force(&self, stored: Option<&Arc<StoredKey>>) -> Result<Arc<StoredKey>, ApiError> {
        let now = self.clock.now();
        let stored = stored.ok_or(AccessProblem::UnusableKey)?;
        match stored.state(now) {
            "active" => {}
            state => return Err(AccessProblem::EndedKey { state }.into()),
        }
        self.note_use(stored, now);
        Ok(Arc::clone(stored))
    }

    /// Returns the keys, read at most `max_age` ago.
    async fn ring(&self, max_age: TimeDelta) -> Result<Arc<Ring>, ApiError> {
        let current = || Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner));
        // a clock that was set back makes them old
        let is_within =
            |ring: &Ring, age: TimeDelta| ring.read_at.is_some_and(|at| (self.clock.now() - at).abs() < age);
        let ring = current();
        if is_within(&ring, max_age) {
            return Ok(ring);
        }
        let _reading = self.reading.lock().await;
        let ring = current();
        if is_within(&ring, max_age) {
            return Ok(ring);
        }
        let now = self.clock.now();
        match api_keys::list(&self.pool).await {
            Ok(keys) => {
                let keys = keys.into_iter().map(|key| (key.key_id.clone(), Arc::new(key))).collect();
                let ring = Arc::new(Ring { keys, read_at: Some(now) });
                *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ring);
                Ok(ring)
            }
            Err(_) if is_within(&ring, USABLE_FOR) => Ok(ring),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the scopes of the key with this id; none if there is no such key.
    pub(crate) async fn scopes(&self, key_id: &str) -> Result<Vec<Scope>, ApiError> {
        let ring = self.ring(FRESH_FOR_UNKNOWN).await?;
        Ok(ring.keys.get(key_id).map(|key| key.scopes.clone()).unwrap_or_default())
    }

    /// Makes the next request read the keys again: they were changed here.
    pub(crate) fn forget(&self) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// Writes the time of the last use, at most once a minute, while the request goes on.
    fn note_use(&self, key: &StoredKey, now: DateTime<Utc>) {
        let Ok(minute) = now.duration_trunc(TimeDelta::minutes(1)) else { return };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let last = used.get(&key.key_id).copied().max(key.last_used_at);
        if last.is_some_and(|last| last >= minute) {
            return;
        }
        used.insert(key.key_id.clone(), minute);
        let (pool, key_id) = (self.pool.clone(), key.key_id.clone());
        tokio::spawn(async move {
            if let Err(error) = mark_used(&pool, &key_id, minute).await {
                tracing::warn!(key_id, cause = error.cause(), "the last use of a key could not be written");
            }
        });
    }
}
