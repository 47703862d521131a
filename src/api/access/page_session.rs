//! Sessions of the page: a cookie that stands for a key.
//!
//! The cookie holds random bytes, never the key, and the database their hash. A session has the scopes and sources that
//! its key has at the time of each request. It opens pages and reads the API; it gives the API no commands, and a form
//! of the page counts only from a page of this host.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::problem::{AccessProblem, ActionProblem, ApiError};
use crate::clock::secret_bytes;
use crate::query::page_sessions;
use crate::store::page_session;

/// Time after which a session ends.
const LIFE: TimeDelta = TimeDelta::hours(12);
/// Name of the cookie, and its name where only TLS carries it: browsers then take it from this host alone.
const COOKIE: &str = "tributary";
const SECURE_COOKIE: &str = "__Host-tributary";

/// Returns the hash of the token in the cookie of a request.
fn token_hash(headers: &HeaderMap) -> Option<[u8; 32]> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let (_, token) = cookies.find(|(name, _)| [COOKIE, SECURE_COOKIE].contains(name))?;
    Some(Sha256::digest(token).into())
}

/// Returns the id of the key that a request without a key stands for.
pub(super) async fn key_id(policy: &AccessPolicy, parts: &Parts, is_page: bool) -> Result<String, ApiError> {
    let token_hash = token_hash(&parts.headers).ok_or(AccessProblem::NoKey)?;
    if !parts.method.is_safe() {
        let host = parts.extensions.get::<Arrival>().and_then(|arrival| arrival.host.as_deref());
        if !is_page {
            return Err(AccessProblem::NoKey.into());
        }
        if !policy.is_permitted_origin(&parts.headers, host) {
            return Err(ActionProblem::CrossSite.into());
        }
    }
    let found = page_sessions::key_id(&policy.pool, &token_hash, policy.clock.now()).await?;
    found.ok_or_else(|| AccessProblem::EndedSession.into())
}

/// Opens a session of the key with this text; returns its cookie.
pub(crate) async fn open(policy: &AccessPolicy, arrival: &Arrival, text: &str) -> Result<HeaderValue, ApiError> {
    let now = policy.clock.now();
    let ring = policy.keys.as_ref().ok_or(AccessProblem::NoKeysHere)?;
    let key = match ring.find(text).await {
        Ok(key) => key,
        Err(error) => {
            policy.charge_address(arrival, now)?;
            return Err(error);
        }
    };
    let token = BASE64_URL_SAFE_NO_PAD.encode(secret_bytes::<32>());
    page_session::open(&policy.pool, &Sha256::digest(&token).into(), &key.key_id, now, now + LIFE).await?;
    cookie(arrival, &token, LIFE)
}

/// Closes the session of a request; returns the cookie that replaces its own.
pub(crate) async fn close(
    policy: &AccessPolicy,
    arrival: &Arrival,
    headers: &HeaderMap,
) -> Result<HeaderValue, ApiError> {
    if let Some(token_hash) = token_hash(headers) {
        page_session::close(&policy.pool, &token_hash).await?;
    }
    cookie(arrival, "", TimeDelta::zero())
}

fn cookie(arrival: &Arrival, token: &str, life: TimeDelta) -> Result<HeaderValue, ApiError> {
    let (name, secure) = if arrival.is_secure { (SECURE_COOKIE, "; Secure") } else { (COOKIE, "") };
    let text = format!("{name}={token}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", life.num_seconds());
    HeaderValue::from_str(&text).map_err(|_| ApiError::Panicked("a cookie cannot be written".to_owned()))
}
