//! Cursors of lists: opaque to callers, and bound to the request they came from.
//!
//! A cursor is the sort key of the last row returned, so that a page costs the same at any depth, and added rows
//! cause no gaps or repeats. It carries a hash of the request: a cursor used with another filter would silently skip
//! rows, so it is refused. It grants no access and is therefore not signed.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Reasons why a cursor is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not a cursor of this list.
    #[error("This is not a cursor of this list; use page.next unchanged")]
    Unreadable,
    /// A cursor of another request.
    #[error("The cursor belongs to another query: repeat all parameters except limit, or start again without a cursor")]
    OtherQuestion,
}

/// Encodes the position after a row with sort key `key` in the answer to `question`.
pub fn encode<K: Serialize>(question: &str, key: &K) -> String {
    let json = serde_json::to_string(&(fold(question), key)).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// Decodes the position of a cursor.
pub fn decode<K: DeserializeOwned>(question: &str, cursor: &str) -> Result<K, CursorError> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError::Unreadable)?;
    if json.windows(6).any(|text| text == b"\\u0000") {
        return Err(CursorError::Unreadable);
    }
    let (folded, key): (u64, serde_json::Value) = serde_json::from_slice(&json).map_err(|_| CursorError::Unreadable)?;
    if folded != fold(question) {
        return Err(CursorError::OtherQuestion);
    }
    serde_json::from_value(key).map_err(|_| CursorError::Unreadable)
}

fn fold(question: &str) -> u64 {
    let hash = Sha256::digest(question);
    hash.iter().take(8).fold(0, |folded, byte| folded << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_is_bound_to_its_question() {
        let cursor = encode("state=live", &(17_i64, 4_i64));
        assert_eq!(decode("state=live", &cursor), Ok((17_i64, 4_i64)));
        assert_eq!(decode::<(i64, i64)>("state=ended", &cursor), Err(CursorError::OtherQuestion));
        assert_eq!(decode::<String>("state=live", &cursor), Err(CursorError::Unreadable));
        assert_eq!(decode::<(i64, i64)>("state=live", "%%"), Err(CursorError::Unreadable));
    }
}
