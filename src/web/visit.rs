//! A request for a page: its caller, its state, and the answer to it.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::access::guard::Content;
use crate::api::etag::EntityTag;
use crate::api::problem::ApiError;
use crate::api::request_id::RequestId;
use crate::api::state::{ApiState, ForCaller};
use crate::clock::FixedClock;
use crate::web::layout::{Layout, Section};
use crate::web::reading::Reading;
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
    headers: HeaderMap,
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

impl Visit {
    /// Answers with a section.
    pub(crate) fn respond(
        &self,
        section: Section,
        reading: &Reading,
        body: &impl Template,
    ) -> Result<Response, ApiError> {
        let body = rendered(body)?;
        let html = rendered(&Layout::of(self, section, Some(reading.catalog()), body))?;
        let tag = EntityTag::of_body(html.as_bytes());
        let response = if tag.is_held_by(&self.headers) { tag.not_modified() } else { tag.mark(page(html)) };
        let mut response = if reading.shows_content() { Content::mark(response) } else { response };
        // after a sign-out, nothing of it is shown
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(response)
    }
}

/// Renders a template.
pub(crate) fn rendered(template: &impl Template) -> Result<String, ApiError> {
    template.render().map_err(|error| ApiError::Panicked(format!("a page cannot be written: {error}")))
}

/// Returns a page as a response.
pub(crate) fn page(html: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], html).into_response()
}
