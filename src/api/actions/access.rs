//! The sources at which API callers may start something.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::api::problem::ActionProblem;
use crate::connector::actions::Actions;
use crate::model::action::ActionKind;

/// The sources that allow actions, by slug, each with the actions its provider offers.
pub type Allowed = BTreeMap<String, Option<Arc<dyn Actions>>>;

/// The sources at which actions may be started. Clones share the list.
#[derive(Clone)]
pub struct ActionAccess {
    sources: Arc<RwLock<Allowed>>,
    /// Longest duration of one call; after it, the outcome is unknown.
    pub call_deadline: Duration,
}

impl Default for ActionAccess {
    /// Allows no source.
    fn default() -> Self {
        Self { sources: Arc::default(), call_deadline: Duration::from_secs(90) }
    }
}

impl fmt::Debug for ActionAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.allowed().keys()).finish()
    }
}

impl ActionAccess {
    /// Allows no source until [`Self::replace`] is called; one call may take `call_deadline`.
    pub fn new(call_deadline: Duration) -> Self {
        Self { call_deadline, ..Self::default() }
    }

    /// Replaces the sources that allow actions.
    pub fn replace(&self, allowed: Allowed) {
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = allowed;
    }

    fn allowed(&self) -> RwLockReadGuard<'_, Allowed> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the actions of `source`, if the source allows actions and offers `kind`.
    pub(super) fn at(&self, source: &str, kind: ActionKind) -> Result<Arc<dyn Actions>, ActionProblem> {
        let allowed = self.allowed();
        let Some(actions) = allowed.get(source) else {
            return Err(ActionProblem::Disabled { source: source.to_owned() });
        };
        let offered = actions.as_ref().filter(|actions| actions.offers(kind));
        offered.map(Arc::clone).ok_or_else(|| ActionProblem::NotOffered {
            source: source.to_owned(),
            what: match kind {
                ActionKind::GenerateSummary => "generate a summary",
                ActionKind::StartStreamingSession => "start a streaming session",
            },
        })
    }
}
