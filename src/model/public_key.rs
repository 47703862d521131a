//! The public RSA key by which a provider's webhooks are verified.
//!
//! Operators store it as the provider publishes it: as PEM, or as a JSON document that contains PEM. This module only
//! finds the key; it verifies nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The algorithm identifier of RSA keys (`rsaEncryption`) in a `SubjectPublicKeyInfo`.
const RSA_ENCRYPTION: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

/// A public RSA key: the DER of PKCS #1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Finds the key in a text: PEM of a `PUBLIC KEY` or an `RSA PUBLIC KEY`, or JSON with such a string in it.
    pub fn parse(text: &str) -> Option<Self> {
        match serde_json::from_str(text) {
            Ok(document) => in_json(&document),
            Err(_) => in_pem(text),
        }
    }

    /// Returns the DER of PKCS #1.
    pub fn pkcs1_der(&self) -> &[u8] {
        &self.0
    }
}

fn in_json(document: &Value) -> Option<PublicKey> {
    match document {
        Value::String(text) => in_pem(text),
        Value::Array(list) => list.iter().find_map(in_json),
        Value::Object(map) => map.values().find_map(in_json),
        _ => None,
    }
}

fn in_pem(text: &str) -> Option<PublicKey> {
    let block = |label: &str| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        // an environment variable may hold line breaks as `\n`
        let body: String = body.replace("\\n", "").chars().filter(|letter| !letter.is_whitespace()).collect();
        STANDARD.decode(body).ok()
    };
    if let Some(der) = block("RSA PUBLIC KEY") {
        return Some(PublicKey(der));
    }
    let der = block("PUBLIC KEY")?;
    let at = der.windows(RSA_ENCRYPTION.len()).position(|bytes| bytes == RSA_ENCRYPTION)?;
    // a bit string follows: its tag, its length, and the number of unused bits, which is 0
    let key = der.get(at + RSA_ENCRYPTION.len()..)?.strip_prefix(&[3])?;
    let length_bytes = match *key.first()? {
        short if short < 0x80 => 1,
        long => usize::from(long & 0x7f) + 1,
    };
    Some(PublicKey(key.get(length_bytes..)?.strip_prefix(&[0])?.to_vec()))
}
