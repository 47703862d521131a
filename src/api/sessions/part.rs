//! Parts of a session: the request for a page of one, and what is known of all.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::Uri;
use axum::http::request::Parts as RequestParts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::page::{PageParameters, PageRequest};
use crate::api::parameters::path::SessionId;
use crate::api::parameters::{Asked, Faults};
use crate::api::problem::ApiError;
use crate::api::state::{ApiState, ForCaller};
use crate::query::availability::{self, Parts};
use crate::query::catalog::Source;
use crate::query::freshness::Freshness;

/// A request for a page of a part of a session.
#[derive(Debug)]
pub(crate) struct PartRequest {
    /// Number of the session.
    pub(crate) session_id: i64,
    /// Texts of the parameters.
    pub(crate) given: PageParameters,
    /// Faults found so far.
    pub(crate) faults: Faults,
    /// Address of the request.
    pub(crate) uri: Uri,
    /// State of the API.
    pub(crate) state: ApiState,
}

impl FromRequestParts<ApiState> for PartRequest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut RequestParts, state: &ApiState) -> Result<Self, ApiError> {
        let SessionId(session_id) = SessionId::from_request_parts(parts, state).await?;
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, state).await;
        let Asked { given, faults } = Asked::from_request_parts(parts, state).await?;
        let Ok(ForCaller(state)) = ForCaller::from_request_parts(parts, state).await;
        Ok(Self { session_id, given, faults, uri, state })
    }
}

impl PartRequest {
    /// Reads which page of the part `name` is requested.
    pub(crate) fn page<K: Clone + Serialize + DeserializeOwned>(&mut self, name: &str) -> PageRequest<K> {
        PageRequest::read(&self.given, format!("{name} {}", self.session_id), &mut self.faults)
    }

    /// Refuses the request if it has faults; otherwise returns the parts of the session, and the freshness of its
    /// source.
    pub(crate) async fn parts(&mut self) -> Result<(Parts, Freshness), ApiError> {
        std::mem::take(&mut self.faults).refuse()?;
        parts_of(&self.state, self.session_id).await
    }
}

/// Returns the parts of a session, and the freshness of its source.
pub(crate) async fn parts_of(state: &ApiState, session_id: i64) -> Result<(Parts, Freshness), ApiError> {
    let catalog = state.catalog(None).await?;
    let parts = availability::find(&state.pool, session_id).await?;
    let parts = parts.ok_or_else(|| ApiError::NotFound(format!("There is no session {session_id}.")))?;
    let sources: Vec<&Source> = catalog.sources.iter().filter(|s| s.source_id == parts.source_id).collect();
    let freshness = Freshness::of(&catalog, &sources, state.clock.now());
    Ok((parts, freshness))
}
