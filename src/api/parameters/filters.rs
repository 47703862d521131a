//! Filters of sessions: one parameter for each field, each comma-separated; any value may match.
//!
//! Providers and sources are checked against the configured ones, closed lists against their words; channels
//! are an open list, since providers invent them.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::parameters::Faults;
use crate::api::parameters::values::{list, words};
use crate::model::session::{SessionKind, SessionState};
use crate::model::session_outcome::SessionOutcome;
use crate::query::catalog::{Catalog, SourceFilter};

/// Parameters that choose sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterParameters {
    /// Only sessions whose `provider` is one of these.
    pub(crate) provider: Option<String>,
    /// Only sessions whose `source` is one of these.
    pub(crate) source: Option<String>,
    /// Only sessions whose `channel` is one of these.
    pub(crate) channel: Option<String>,
    /// Only sessions whose `outcome` is one of these.
    pub(crate) outcome: Option<String>,
    /// Only sessions whose `session_kind` is one of these.
    pub(crate) session_kind: Option<String>,
}

impl FilterParameters {
    /// Reads providers and sources, and checks them against the catalog.
    pub(crate) fn sources(&self, catalog: &Catalog, faults: &mut Faults) -> SourceFilter {
        let slugs: Vec<&str> = catalog.sources.iter().map(|source| source.source.as_str()).collect();
        let providers: Vec<&str> = catalog.providers().into_iter().collect();
        SourceFilter {
            providers: words("provider", self.provider.as_deref(), &providers, faults),
            sources: catalog.access.filter(words("source", self.source.as_deref(), &slugs, faults)),
        }
    }

    /// Reads channels; an open list.
    pub(crate) fn channels(&self) -> Vec<String> {
        list(self.channel.as_deref())
    }

    /// Reads outcomes.
    pub(crate) fn outcomes(&self, faults: &mut Faults) -> Vec<String> {
        words("outcome", self.outcome.as_deref(), &SessionOutcome::ALL.map(SessionOutcome::as_str), faults)
    }

    /// Reads kinds of sessions.
    pub(crate) fn session_kinds(&self, faults: &mut Faults) -> Vec<String> {
        words("session_kind", self.session_kind.as_deref(), &SessionKind::ALL.map(SessionKind::as_str), faults)
    }
}

/// Reads states of sessions.
pub(crate) fn session_states(text: Option<&str>, faults: &mut Faults) -> Vec<String> {
    words("session_state", text, &SessionState::ALL.map(SessionState::as_str), faults)
}
