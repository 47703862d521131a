//! Links to files: signed, and valid for some minutes.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::feed::FileRequest;

/// First part of every path.
pub(crate) const BUCKET: &str = "rtk-files";

/// A link and the instant at which it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedLink {
    pub(crate) url: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Returns a link to a file of session `id`, made at the time and with the quirks of `request`.
pub(crate) fn sign(base_url: &str, id: &str, request: FileRequest<'_>) -> SignedLink {
    let expires_at = request.now + TimeDelta::seconds(request.quirks.link_lifetime_seconds);
    let path = format!("/{BUCKET}/{id}/{}", request.kind.as_str());
    let (format, expires) = (request.format, expires_at.timestamp_millis());
    let signature = signature(&path, format, expires);
    let url = format!("{base_url}{path}?format={format}&expires={expires}&signature={signature}");
    SignedLink { url, expires_at }
}

/// Returns the signature of a link.
pub(crate) fn signature(path: &str, format: &str, expires_ms: i64) -> String {
    let hash: [u8; 32] = Sha256::digest(format!("file host\n{path}\n{format}\n{expires_ms}")).into();
    u128::from_le_bytes(hash.first_chunk().copied().unwrap_or_default()).to_string()
}
