//! Bodies of answers: read up to a cap, and searched for what the provider says about a failure.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::connector::error::PullErrorKind;
use crate::model::page::Room;

/// Characters of a provider's message that are kept in an error.
const MESSAGE_CHARS: usize = 200;

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

/// The decoded body, counted as it comes. Where it turns out to be large, it is read on once no other large one is in
/// hand; the provider's deadline for the whole call counts on meanwhile, so that nobody waits for ever.
pub(super) async fn read(
    response: &mut reqwest::Response,
    max_bytes: usize,
    large: &LargeAnswers,
) -> Result<(Vec<u8>, Room), (PullErrorKind, String)> {
    let (mut body, mut room) = (Vec::new(), None);
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| (PullErrorKind::Transient, chain(&error.without_url())))?;
        let Some(chunk) = chunk else { return Ok((body, room.unwrap_or_default())) };
        if body.len() + chunk.len() > max_bytes {
            return Err((PullErrorKind::TooLarge, format!("the decoded body is larger than {max_bytes} bytes")));
        }
        if room.is_none() && body.len() + chunk.len() > LARGE_BYTES {
            room = Arc::clone(&large.0).acquire_owned().await.ok().map(Room::of);
        }
        body.extend_from_slice(&chunk);
    }
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
