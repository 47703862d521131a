//! Refusals of pages: without a key, the way to sign in; else the problem in words, with the id of the request.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::problem::{ApiError, Problem, Reported};
use crate::api::request_id::RequestId;
use crate::web::assets::style;
use crate::web::layout::{Notice, protect};
use crate::web::respond::{page, rendered};
use crate::web::scheme::Scheme;
use crate::web::selection::{Selection, escape};

/// Shows a problem response as a page.
pub(crate) async fn show(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let address = request.uri().path_and_query().map_or("/", |address| address.as_str()).to_owned();
    let (scheme, home) = (Scheme::of(request.headers()), home(&request));
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    let Some(reported) = response.extensions_mut().remove::<Reported>() else { return response };
    if response.status() == StatusCode::UNAUTHORIZED && is_get {
        let ended = if ["session_ended", "key_ended"].contains(&reported.code()) { "ended=true&" } else { "" };
        return Redirect::to(&format!("/sign-in?{ended}next={}", escape(&address))).into_response();
    }
    let problem = reported.problem(&id);
    let mut shown = of_problem(&problem, scheme, home);
    *shown.status_mut() = response.status();
    if let Some(after) = response.headers().get(header::RETRY_AFTER) {
        shown.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    shown
}

/// Answers at an address of nothing: a browser gets a page, a program the problem.
pub(crate) async fn unknown(request: Request) -> Response {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if !accepted.into_iter().any(|types| types.contains("text/html")) {
        return ApiError::NoSuchPath.into_response();
    }
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let problem = ApiError::NoSuchPath.of_part(&id);
    let mut shown = of_problem(&problem, Scheme::of(request.headers()), home(&request));
    *shown.status_mut() = StatusCode::NOT_FOUND;
    protect(shown).await
}

/// Returns the address of the overview, in the state of the page that is refused.
fn home(request: &Request) -> String {
    Selection::read(request.uri()).link("/")
}

/// Returns the page of a problem.
fn of_problem(problem: &Problem, scheme: Scheme, home: String) -> Response {
    let notice = Notice {
        title: problem.title,
        detail: &problem.detail,
        request_id: &problem.instance,
        can_use_another_key: problem.status == StatusCode::FORBIDDEN,
        home,
        scheme,
        style: style(scheme),
    };
    let mut response = match rendered(&notice) {
        Ok(html) => page(html),
        Err(error) => return error.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
