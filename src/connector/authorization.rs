//! Headers that carry a credential: never printed, and sent only to the configured origin.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::connector::error::{PullError, PullErrorKind};

/// How a credential is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    ApiKeyHeader,
}

/// Returns the credential headers of a call with `key`.
pub(super) fn headers(credential: Credential, key: &SecretString, call: &str) -> Result<HeaderMap, PullError> {
    let key = key.expose_secret();
    let (name, text) = match credential {
        Credential::Bearer => ("authorization", format!("Bearer {key}")),
        Credential::ApiKeyHeader => ("x-api-key", key.to_owned()),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| PullError {
        kind: PullErrorKind::Auth,
        call: call.to_owned(),
        detail: "the configured key contains characters that a header cannot contain".to_owned(),
        http_status: None,
    })?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static(name), value);
    headers.insert("accept", HeaderValue::from_static("application/json"));
    Ok(headers)
}
