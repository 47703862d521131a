//! The scheme of colours: the browser's, or the one that a reader chose.
//!
//! A cookie keeps the choice, so that it needs no script and no address differs by it.

use std::sync::Arc;

use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::problem::ApiError;
use crate::web::form::{Form, next_page};

/// Name of the cookie.
const COOKIE: &str = "tributary-scheme";
/// Time for which a browser keeps it, seconds: a year.
const LIFE: u32 = 31_536_000;

/// A scheme of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scheme {
    /// As the browser prefers.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Scheme {
    /// All schemes, in the order of the form.
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// Returns the chosen scheme of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(name, _)| *name == COOKIE).map(|(_, value)| Self::named(value)).unwrap_or_default()
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == name).unwrap_or_default()
    }

    /// Returns its name in the form and in the cookie.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns its name in the words of CSS.
    pub(crate) fn css(self) -> &'static str {
        match self {
            Self::Auto => "light dark",
            Self::Light | Self::Dark => self.as_str(),
        }
    }
}

/// Keeps a reader's choice, and shows the page again.
pub(crate) async fn choose(
    Extension(policy): Extension<Arc<AccessPolicy>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Response, ApiError> {
    let form = Form::read(&policy, &arrival, request).await?;
    let scheme = Scheme::named(&form.field("scheme"));
    let life = if scheme == Scheme::Auto { 0 } else { LIFE };
    let cookie = format!("{COOKIE}={}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax", scheme.as_str());
    let mut response = Redirect::to(&next_page(Some(&form.field("next")))).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
