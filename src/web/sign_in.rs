//! Signing in with a key, once, and out again. The key is in the body of one request, and nowhere else.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::access::page_session;
use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::problem::ApiError;
use crate::web::form::{Form, next_page, refuse_foreign};
use crate::web::layout::{Layout, Section};
use crate::web::respond::{page, rendered};
use crate::web::visit::Visit;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    next: String,
    /// Why the last try failed.
    refusal: Option<String>,
}

/// Shows the form.
pub(crate) async fn form(Extension(policy): Extension<Arc<AccessPolicy>>, visit: Visit) -> Result<Response, ApiError> {
    let next = next_page(visit.selection.get("next"));
    if policy.keys.is_none() {
        return Ok(Redirect::to(&next).into_response());
    }
    let ended = visit.selection.get("ended").map(|_| "The session has ended.".to_owned());
    shown(&visit, &SignIn { next, refusal: ended }, StatusCode::OK)
}

/// Signs in.
pub(crate) async fn sign_in(
    Extension(policy): Extension<Arc<AccessPolicy>>,
    Extension(arrival): Extension<Arrival>,
    visit: Visit,
    request: Request,
) -> Result<Response, ApiError> {
    let form = Form::read(&policy, &arrival, request).await?;
    let next = next_page(Some(&form.field("next")));
    match page_session::open(&policy, &arrival, &form.field("key")).await {
        Ok(cookie) => Ok(with_cookie(Redirect::to(&next).into_response(), cookie)),
        Err(error @ ApiError::Access(_)) => {
            let problem = error.of_part(&visit.request_id);
            let refusal = Some(format!("{}. {}", problem.title, problem.detail));
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
            shown(&visit, &SignIn { next, refusal }, status)
        }
        Err(error) => Err(error),
    }
}

/// Signs out.
pub(crate) async fn sign_out(
    Extension(policy): Extension<Arc<AccessPolicy>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    refuse_foreign(&policy, &arrival, &headers)?;
    let cookie = page_session::close(&policy, &arrival, &headers).await?;
    let mut response = with_cookie(Redirect::to("/sign-in").into_response(), cookie);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn shown(visit: &Visit, form: &SignIn, status: StatusCode) -> Result<Response, ApiError> {
    let html = rendered(&Layout::of(visit, Section::SignIn, None, rendered(form)?))?;
    let mut response = page(html);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
