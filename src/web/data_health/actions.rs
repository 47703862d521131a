//! The forms of operators: pause, resume and run a stream, by the handlers of the API.
//!
//! A form declares its body in a way that the API refuses. It has no fields, so the declaration is dropped; the origin
//! of the page is checked as for every command.

use axum::extract::{FromRequest, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::Asked;
use crate::api::parameters::path::PathName;
use crate::api::problem::ApiError;
use crate::api::state::ForCaller;
use crate::api::sync::control::{ControlParameters, pause_source, resume_source, start_runs};
use crate::web::selection::{Selection, escape};

/// Pauses a source or a stream.
pub(crate) async fn pause(state: ForCaller, slug: PathName, request: Request) -> Result<Response, ApiError> {
    let back = back(&slug, &request);
    let (asked, request) = command(request).await?;
    let _answer = pause_source(state, slug, asked, request).await?;
    Ok(back)
}

/// Resumes a source or a stream.
pub(crate) async fn resume(state: ForCaller, slug: PathName, request: Request) -> Result<Response, ApiError> {
    let back = back(&slug, &request);
    let (asked, request) = command(request).await?;
    let _answer = resume_source(state, slug, asked, request).await?;
    Ok(back)
}

/// Requests a run.
pub(crate) async fn run(state: ForCaller, slug: PathName, request: Request) -> Result<Response, ApiError> {
    let back = back(&slug, &request);
    let (asked, request) = command(request).await?;
    let _answer = start_runs(state, slug, asked, request).await?;
    Ok(back)
}

async fn command(mut request: Request) -> Result<(Asked<ControlParameters>, ActionRequest), ApiError> {
    let uri: Uri = request.uri().clone();
    request.headers_mut().remove(header::CONTENT_TYPE);
    Ok((Asked::of(&uri)?, ActionRequest::from_request(request, &()).await?))
}

/// Leads back to the page that the form was on, in its state, and to the stream.
fn back(slug: &PathName, request: &Request) -> Response {
    let from = request.headers().get(header::REFERER).and_then(|from| from.to_str().ok()?.parse::<Uri>().ok());
    let page = from.as_ref().and_then(Uri::path_and_query).filter(|page| page.path() == "/data-health");
    let asked = Selection::read(request.uri());
    let place = asked.get("stream").map(|stream| format!("#{}-{}", escape(&slug.0), escape(stream)));
    let page = page.map_or("/data-health", PathAndQuery::as_str);
    Redirect::to(&format!("{page}{}", place.unwrap_or_default())).into_response()
}
