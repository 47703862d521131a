//! Webhooks of a provider: requests by which it says that something happened.
//!
//! They are hints: what one says is not stored, and only makes a poller read a session now. A provider verifies the
//! signature and finds the session; who is asked, and what is counted, is decided elsewhere.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::model::id::ProviderRecordId;
use crate::model::public_key::PublicKey;
use crate::model::stream::Stream;

/// Reads a webhook request of a provider: its headers and its body, verified with the key.
pub type ReadHook = fn(&PublicKey, &HeaderMap, &[u8]) -> Result<Hint, HookFault>;

/// What a webhook makes a poller do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The session to read; `None`: the request does not name it, and the list is read.
    pub session: Option<ProviderRecordId>,
    /// Per-session streams that have become available.
    pub streams: Vec<Stream>,
    /// When the latest thing that it reports happened, where it says so.
    pub happened_at: Option<DateTime<Utc>>,
    /// Time to wait, so that events that come in numbers cause one call.
    pub delay: TimeDelta,
}

/// The reason why a webhook request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HookFault {
    /// It has no signature.
    #[error("the request has no signature")]
    Unsigned,
    /// The signature does not belong to the body.
    #[error("the signature does not belong to the body")]
    Forged,
    /// The body is not readable.
    #[error("the body is not a JSON object with the name of an event")]
    Unreadable,
    /// The event is not known.
    #[error("the event is not known")]
    UnknownEvent,
}

/// Verifies a signature: RSA (PKCS #1 v1.5) over SHA-256, in base64 with or without padding.
pub fn verify_rsa_sha256(key: &PublicKey, signature: &str, body: &[u8]) -> Result<(), HookFault> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let signature = signature.trim().replace('-', "+").replace('_', "/");
    let signature = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(signature);
    let signature = signature.map_err(|_| HookFault::Forged)?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pkcs1_der());
    key.verify(body, &signature).map_err(|_| HookFault::Forged)
}
