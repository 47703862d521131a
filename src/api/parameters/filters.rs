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
    /// Kinds of platform, comma-separated.
    #[param(example = "konvo,konpro")]
    pub(crate) provider: Option<String>,
    /// Slugs of sources, comma-separated.
    #[param(example = "rtk-prod")]
    pub(crate) source: Option<String>,
    /// Channels, verbatim, comma-separated.
    #[param(example = "whatsapp")]
    pub(crate) channel: Option<String>,
    /// `resolved`, `unresolved`, `open`, `unknown`, `not_applicable`; comma-separated.
    #[param(example = "resolved,unresolved")]
    pub(crate) outcome: Option<String>,
    /// `avatar`, `chat`, `meeting`, `livestream`; comma-separated.
    #[param(example = "chat")]
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
        let outcomes = [
            SessionOutcome::Resolved,
            SessionOutcome::Unresolved,
            SessionOutcome::Open,
            SessionOutcome::Unknown,
            SessionOutcome::NotApplicable,
        ];
        words("outcome", self.outcome.as_deref(), &outcomes.map(SessionOutcome::as_str), faults)
    }

    /// Reads kinds of sessions.
    pub(crate) fn session_kinds(&self, faults: &mut Faults) -> Vec<String> {
        let kinds = [SessionKind::Avatar, SessionKind::Chat, SessionKind::Meeting, SessionKind::Livestream];
        words("session_kind", self.session_kind.as_deref(), &kinds.map(SessionKind::as_str), faults)
    }
}

/// Reads states of sessions.
pub(crate) fn session_states(text: Option<&str>, faults: &mut Faults) -> Vec<String> {
    let states = [
        SessionState::Live,
        SessionState::Ended,
        SessionState::Open,
        SessionState::NeverStarted,
        SessionState::Unknown,
    ];
    words("session_state", text, &states.map(SessionState::as_str), faults)
}
