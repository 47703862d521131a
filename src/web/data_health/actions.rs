//! The forms of operators: pause, resume and run a stream, by the handlers of the API.
//!
//! A form declares its body in a way that the API refuses. It has no fields, so the declaration is dropped; the origin
//! of the page is checked as for every command.

use axum::extract::{FromRequest, Request};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::Asked;
use crate::api::parameters::path::Slug;
use crate::api::problem::ApiError;
use crate::api::state::ForCaller;
use crate::api::sync::control::{ControlParameters, pause_source, resume_source, start_runs};

/// Pauses a source or a stream.
pub(crate) async fn pause(state: ForCaller, slug: Slug, request: Request) -> Result<Response, ApiError> {
    let (asked, request) = command(request).await?;
    let _answer = pause_source(state, slug, asked, request).await?;
    Ok(back())
}

/// Resumes a source or a stream.
pub(crate) async fn resume(state: ForCaller, slug: Slug, request: Request) -> Result<Response, ApiError> {
    let (asked, request) = command(request).await?;
    let _answer = resume_source(state, slug, asked, request).await?;
    Ok(back())
}

/// Requests a run.
pub(crate) async fn run(state: ForCaller, slug: Slug, request: Request) -> Result<Response, ApiError> {
    let (asked, request) = command(request).await?;
    let _answer = start_runs(state, slug, asked, request).await?;
    Ok(back())
}

async fn command(mut request: Request) -> Result<(Asked<ControlParameters>, ActionRequest), ApiError> {
    let uri: Uri = request.uri().clone();
    request.headers_mut().remove(header::CONTENT_TYPE);
    Ok((Asked::of(&uri)?, ActionRequest::from_request(request, &()).await?))
}

fn back() -> Response {
    Redirect::to("/data-health").into_response()
}
