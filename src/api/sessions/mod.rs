//! Single sessions, and their list.
//!
//! A session has parts: participants, messages, transcript and quality. Data that was never stored is
//! distinguished from data that does not exist. Metrics over many sessions are in [`crate::api::metrics`].

pub(crate) mod cues;
pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod one;
pub(crate) mod participants;
pub(crate) mod provenance;
pub(crate) mod quality;
pub(crate) mod summary;
pub(crate) mod timeline;
pub(crate) mod transcript;

use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::query::availability::{self, Parts};
use crate::query::catalog::{Catalog, Source};
use crate::query::freshness::Freshness;

/// Returns the parts of a session, and the freshness of its source.
pub(crate) async fn parts_of(state: &ApiState, session_id: i64) -> Result<(Parts, Freshness), ApiError> {
    let catalog = Catalog::load(&state.pool, None).await?;
    let parts = availability::find(&state.pool, session_id).await?;
    let parts = parts.ok_or_else(|| ApiError::NotFound(format!("There is no session {session_id}.")))?;
    let sources: Vec<&Source> = catalog.sources.iter().filter(|s| s.source_id == parts.source_id).collect();
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok((parts, freshness))
}
