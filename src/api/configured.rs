//! What of the configuration a handler needs and a reload replaces: sources whose webhooks are received, and alerts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::config::AlertConfig;
use crate::connector::hooks::ReadHook;
use crate::model::public_key::PublicKey;

/// How the webhooks of one source are verified.
#[derive(Debug, Clone)]
pub struct SourceHooks {
    /// Name of its provider.
    pub provider: &'static str,
    /// The provider's way of reading them.
    pub read: ReadHook,
    /// The key.
    pub key: PublicKey,
}

/// The sources whose webhooks are received, by slug. Clones share the list.
#[derive(Clone, Default)]
pub struct Hooks(Arc<RwLock<BTreeMap<String, SourceHooks>>>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl Hooks {
    /// Replaces the sources.
    pub fn replace(&self, sources: BTreeMap<String, SourceHooks>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    pub(crate) fn of(&self, provider: &str, slug: &str) -> Option<SourceHooks> {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(slug).filter(|hooks| hooks.provider == provider).cloned()
    }
}

/// The configured alerts. Clones share the list.
#[derive(Clone, Default)]
pub struct Alerts(Arc<RwLock<Loaded>>);

#[derive(Default)]
struct Loaded {
    alerts: Arc<[AlertConfig]>,
    at: DateTime<Utc>,
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().iter().map(|alert| &alert.name)).finish()
    }
}

impl Alerts {
    /// Replaces the alerts.
    pub fn replace(&self, alerts: &[AlertConfig], now: DateTime<Utc>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Loaded { alerts: alerts.into(), at: now };
    }

    /// Returns the alerts.
    pub fn all(&self) -> Arc<[AlertConfig]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).alerts)
    }

    /// Returns since when this instance has the alerts.
    pub fn configured_at(&self) -> DateTime<Utc> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).at
    }
}
