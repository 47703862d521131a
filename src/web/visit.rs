//! A request for a page: its caller and its state.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::api::request_id::RequestId;
use crate::api::state::{ApiState, ForCaller};
use crate::clock::FixedClock;
use crate::web::selection::Selection;

/// A request for a page.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The state for the caller; its clock stands still, so that all panels agree.
    pub(crate) state: ApiState,
    /// The state of the page.
    pub(crate) selection: Selection,
    /// Path of the address.
    pub(crate) path: String,
    /// Id of the request.
    pub(crate) request_id: String,
    /// Headers of the request.
    pub(crate) headers: HeaderMap,
}

impl FromRequestParts<ApiState> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let ForCaller(state) = ForCaller::from_request_parts(parts, state).await?;
        let clock = Arc::new(FixedClock(state.clock.now()));
        Ok(Self {
            state: ApiState { clock, ..state },
            selection: Selection::read(&parts.uri),
            path: parts.uri.path().to_owned(),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            headers: parts.headers.clone(),
        })
    }
}
