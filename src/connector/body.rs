//! Bodies of answers: reads them up to a cap, and finds the provider's message about a failure in them.

use std::sync::Arc;

use reqwest::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use reqwest::{StatusCode, Version};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;

use crate::config::redacted;
use crate::connector::error::PullErrorKind;
use crate::connector::own_resources;
use crate::model::page::Room;

/// Characters of a provider's message kept in an error.
const MESSAGE_CHARS: usize = 200;

/// Most bytes read of a failure's body, which only adds words to the error.
const MAX_FAILURE_BYTES: usize = 64 * 1024;
/// A body of more bytes waits for a permit of [`LargeAnswers`].
const LARGE_BYTES: usize = 1024 * 1024;

/// Permits for large answers: they bound the memory that the answers of all sources take together.
#[derive(Debug, Clone)]
pub struct LargeAnswers(Arc<Semaphore>);

impl Default for LargeAnswers {
    /// Permits one large answer at a time.
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// Reads the body of a failure; empty where it is too long or cannot be read.
pub(super) async fn read_failure(response: &mut reqwest::Response) -> Vec<u8> {
    let read = read(response, MAX_FAILURE_BYTES, &LargeAnswers::default()).await;
    read.map(|(body, _)| body).unwrap_or_default()
}

/// Reads the decoded body and counts its bytes as they arrive. A large body waits until no other large one is in
/// memory. The deadline of the whole call keeps running meanwhile, so no caller waits for ever.
pub(super) async fn read(
    response: &mut reqwest::Response,
    max_bytes: usize,
    large: &LargeAnswers,
) -> Result<(Vec<u8>, Room), (PullErrorKind, String)> {
    let too_large = || (PullErrorKind::TooLarge, format!("the decoded body is larger than {max_bytes} bytes"));
    // a stated length makes it possible to refuse before reading, and to allocate once instead of growing
    let told = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
    if told > max_bytes {
        return Err(too_large());
    }
    let (mut body, mut room) = (Vec::with_capacity(told), None);
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| {
            let is_own = own_resources::is_lacking(&error);
            let kind = if is_own { PullErrorKind::OwnResources } else { PullErrorKind::Transient };
            (kind, chain(&error.without_url()))
        })?;
        let Some(chunk) = chunk else { return Ok((body, room.unwrap_or_default())) };
        if body.len() + chunk.len() > max_bytes {
            return Err(too_large());
        }
        if room.is_none() && body.len() + chunk.len() > LARGE_BYTES {
            room = Arc::clone(&large.0).acquire_owned().await.ok().map(Room::of);
        }
        body.extend_from_slice(&chunk);
    }
}

/// Whether HTTP shows where the body ends. Otherwise it ends with its connection.
pub(super) fn is_length_told(version: Version, headers: &HeaderMap) -> bool {
    version > Version::HTTP_11 || headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

/// Whether a body without a stated length ends within its JSON. Such a body ends with its connection, and HTTP/1
/// takes a cut for a regular end. An empty body does not count as cut.
pub(super) fn is_cut(version: Version, headers: &HeaderMap, body: &str) -> bool {
    !is_length_told(version, headers)
        && !body.is_empty()
        && serde_json::from_str::<IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

/// Returns the provider's own message from an error body, in any of the known forms: `message`, `error.message`,
/// `errors[0].message`, `detail[0].msg`. `redact` sees the decoded message before it is shortened, so that no part and
/// no spelling of a credential remains.
pub fn message_in(body: &[u8], redact: impl Fn(&str) -> String) -> Option<String> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        message: Option<serde_json::Value>,
        error: Option<serde_json::Value>,
        errors: Option<Vec<serde_json::Value>>,
        detail: Option<serde_json::Value>,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let text = |value: &serde_json::Value| {
        let inner = [value.get("message"), value.get("msg"), Some(value)];
        inner.into_iter().flatten().find_map(|value| value.as_str().map(str::to_owned))
    };
    let first = |list: &serde_json::Value| list.get(0).and_then(text).or_else(|| text(list));
    let found = body.message.as_ref().and_then(text);
    let found = found.or_else(|| body.error.as_ref().and_then(text));
    let found = found.or_else(|| body.errors.as_ref()?.first().and_then(text));
    let found = found.or_else(|| body.detail.as_ref().and_then(first))?;
    Some(redact(&found).chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect())
}

/// Returns an error with its causes: the outermost text alone says only "error sending request".
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Describes a failed call without the credential it was made with.
pub(super) fn describe(status: StatusCode, body: &[u8], key: &SecretString) -> String {
    match message_in(body, |said| redacted(said, key)) {
        Some(said) => format!("status {status}: {said}"),
        None if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
            format!("status {status}: redirects are not followed")
        }
        None => format!("status {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_provider_repeats_in_any_spelling_is_left_out() {
        let key = SecretString::from("KEY-a1+\\/=Zz42");
        let spellings = [
            r"KEY-a1+\\/=Zz42",
            r"KEY-a1+\\\/=Zz42",
            r"KEY-a1\u002B\\/=Zz42",
            r"key-a1+\\/=zz42",
            "KEY-a1%2B%5C%2F%3DZz42",
            "key-a1%2b%5c%2f%3dzz42",
            "S0VZLWExK1wvPVp6NDI",
        ];
        for spelling in spellings {
            // at the end of what is kept, so that shortening cuts it
            for before in ["invalid key ".to_owned(), "x".repeat(MESSAGE_CHARS - 6)] {
                let body = format!(r#"{{"error":{{"message":"{before}{spelling}"}}}}"#);
                let said = describe(StatusCode::BAD_REQUEST, body.as_bytes(), &key);
                let kept: String = said.trim_start_matches("status 400 Bad Request: ").to_owned();
                let begins = format!("{before}[redacted]");
                assert!(begins.starts_with(&kept), "{spelling}: {said}");
            }
        }
    }
}
