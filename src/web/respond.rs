//! The answer to a request for a page.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::access::guard::Content;
use crate::api::etag::EntityTag;
use crate::api::problem::ApiError;
use crate::web::layout::{Layout, Section};
use crate::web::reading::Reading;
use crate::web::visit::Visit;

impl Visit {
    /// Answers with a section.
    pub(crate) fn respond(
        &self,
        section: Section,
        reading: &Reading,
        body: &impl Template,
    ) -> Result<Response, ApiError> {
        self.respond_as(section, None, reading, body)
    }

    /// Answers with a page of a section, which may have a name of its own.
    pub(crate) fn respond_as(
        &self,
        section: Section,
        name: Option<String>,
        reading: &Reading,
        body: &impl Template,
    ) -> Result<Response, ApiError> {
        reading.refuse_lost()?;
        let body = rendered(body)?;
        let html = rendered(&Layout::of(self, section, Some(reading.catalog()), body).named(name))?;
        Ok(self.send(reading, html, page))
    }

    /// Answers with a text, or 304 where the browser holds it.
    pub(crate) fn send(&self, reading: &Reading, text: String, whole: impl FnOnce(String) -> Response) -> Response {
        let tag = EntityTag::of_body(text.as_bytes());
        let response = if tag.is_held_by(&self.headers) { tag.not_modified() } else { tag.mark(whole(text)) };
        let mut response = if reading.shows_content() { Content::mark(response) } else { response };
        // after a sign-out, nothing of it is shown
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        response
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
