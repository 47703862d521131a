//! Bodies of answers: read up to a cap, and searched for what the provider says about a failure.

use std::sync::Arc;

use reqwest::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use reqwest::{StatusCode, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;

use crate::connector::error::PullErrorKind;
use crate::connector::own_resources;
use crate::model::page::Room;

/// Characters of a provider's message that are kept in an error.
const MESSAGE_CHARS: usize = 200;

/// Most bytes that are read of the body of a failure: it only adds words.
const MAX_FAILURE_BYTES: usize = 64 * 1024;
/// A body of more bytes waits for its place.
const LARGE_BYTES: usize = 1024 * 1024;

/// Places for large answers: what all sources hold at once is bounded, whatever they are sent.
#[derive(Debug, Clone)]
pub struct LargeAnswers(Arc<Semaphore>);

impl Default for LargeAnswers {
    /// One at a time.
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// The body of a failure; empty where it is long, or does not come.
pub(super) async fn read_failure(response: &mut reqwest::Response) -> Vec<u8> {
    let read = read(response, MAX_FAILURE_BYTES, &LargeAnswers::default()).await;
    read.map(|(body, _)| body).unwrap_or_default()
}

/// The decoded body, counted as it comes. Where it turns out to be large, it is read on once no other large one is in
/// hand; the provider's deadline for the whole call counts on meanwhile, so that nobody waits for ever.
pub(super) async fn read(
    response: &mut reqwest::Response,
    max_bytes: usize,
    large: &LargeAnswers,
) -> Result<(Vec<u8>, Room), (PullErrorKind, String)> {
    let too_large = || (PullErrorKind::TooLarge, format!("the decoded body is larger than {max_bytes} bytes"));
    // a provider that tells the length saves us the reading, or the room that a growing body takes twice
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

/// Whether a body whose length nobody told, and which so ends with its connection, ends within its JSON: HTTP/1
/// takes such a cut for an end. No body at all is none that was cut.
pub(super) fn is_cut(version: Version, headers: &HeaderMap, body: &str) -> bool {
    let is_told =
        version > Version::HTTP_11 || headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    !is_told && !body.is_empty() && serde_json::from_str::<IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

/// The provider's own message in an error body, in any of the forms seen: `message`, `error.message`,
/// `errors[0].message`, `detail[0].msg`.
pub fn message_in(body: &[u8]) -> Option<String> {
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
    Some(found.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect())
}

/// An error with its causes: the outermost text alone says only "error sending request".
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

/// What a failed call says, without the credential it was made with.
pub(super) fn describe(status: StatusCode, body: &[u8], key: &SecretString) -> String {
    // before the message is cut, so that no part of the credential is left over
    let body = String::from_utf8_lossy(body).replace(key.expose_secret(), "[redacted]");
    match message_in(body.as_bytes()) {
        Some(said) => format!("status {status}: {said}"),
        None if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
            format!("status {status}: redirects are not followed")
        }
        None => format!("status {status}"),
    }
}
