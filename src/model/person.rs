//! People, known only by a keyed hash.
//!
//! A phone number or contact id never leaves the provider's extension table; everything else joins on the hash.
//! The hash is keyed (HMAC-SHA-256), so that it cannot be reversed by trying all phone numbers. It covers the
//! source, so that the same contact at two customers does not link.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// A provider's identity of the person behind a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonRef {
    /// Kind of identity: `contact`, `external_user`, `custom_participant`.
    pub identity_kind: &'static str,
    /// The identity itself. Personal data: hash it, do not store it.
    pub identity: String,
}

/// The secret that turns identities into pseudonyms. It must not change while the data exists.
#[derive(Debug, Clone)]
pub struct PersonKey(SecretSlice<u8>);

impl PersonKey {
    /// Shortest accepted key, bytes.
    pub const MIN_BYTES: usize = 16;

    /// Creates a key; `None` where it is shorter than [`Self::MIN_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= Self::MIN_BYTES).then(|| Self(bytes.into()))
    }

    /// Returns a fingerprint of a provider's credential: twelve hexadecimal digits, the same for the same key,
    /// provider and credential. They are too few to distinguish a right guess from a wrong one.
    pub fn credential_fingerprint(&self, provider: &str, credential: &str) -> String {
        let mut digits = self.digits(["credential of a provider", provider, credential]);
        digits.truncate(12);
        digits
    }

    /// Returns the pseudonym: 32 hexadecimal digits, the same for the same key, source, kind and identity.
    pub fn person_id(&self, source_slug: &str, person: &PersonRef) -> String {
        self.digits([source_slug, person.identity_kind, &person.identity])
    }

    fn digits(&self, parts: [&str; 3]) -> String {
        use std::fmt::Write;
        let mut text = String::with_capacity(32);
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.expose_secret()) else {
            return text; // unreachable: HMAC takes keys of any length
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        for byte in &mac.finalize().into_bytes()[..16] {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
