//! Undecoded JSON: the members of an object, the elements of a list, and text with any content.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of a JSON object, undecoded. Of duplicate keys the last one counts.
pub type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Splits an object into its members; `None` where `json` is no object.
pub fn members(json: &str) -> Option<Members<'_>> {
    serde_json::from_str(json).ok()
}

/// Splits a list into its undecoded elements; `None` where `json` is no list.
pub fn elements(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

/// Reads text with any content: lone surrogates and NUL become U+FFFD. The flag is set if something was replaced.
/// `None` where `json` is no string.
pub fn lossy_text(json: &str) -> Option<(String, bool)> {
    let mut decoder = serde_json::Deserializer::from_str(json);
    let bytes = Bytes::deserialize(&mut decoder).ok()?.0;
    let (text, mut replaced) = match String::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
    };
    replaced |= text.contains('\0');
    Some((if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }, replaced))
}

/// A JSON string as bytes: the only form in which the decoder accepts lone surrogates.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}
