//! Links to files: signed, and valid for some minutes.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::feed::{FileKind, FileRequest};

/// First part of every path.
const BUCKET: &str = "rtk-files";

/// A link and the instant at which it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedLink {
    pub(crate) url: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Status, code and message of a refused link.
pub(crate) type Refusal = (u16, &'static str, &'static str);

/// The refusal of a link to a file that does not exist.
pub(crate) const NO_FILE: Refusal = (404, "NoSuchKey", "The specified key does not exist.");

/// Returns a link to a file of session `id`, made at the time and with the quirks of `request`.
pub(crate) fn sign(base_url: &str, id: &str, request: FileRequest<'_>) -> SignedLink {
    let expires_at = request.now + TimeDelta::seconds(request.quirks.link_lifetime_seconds);
    let path = format!("/{BUCKET}/{id}/{}", request.kind.as_str());
    let (format, expires) = (request.format, expires_at.timestamp_millis());
    let signature = signature(&path, format, expires);
    let url = format!("{base_url}{path}?format={format}&expires={expires}&signature={signature}");
    SignedLink { url, expires_at }
}

/// Returns the session, the kind and the format in the path and the query of a valid link.
pub(crate) fn open<'a>(
    path: &'a str,
    query: &'a [(String, String)],
    now: DateTime<Utc>,
) -> Result<(&'a str, FileKind, &'a str), Refusal> {
    let parameter = |name| query.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.as_str());
    let format = parameter("format");
    let expires_ms = parameter("expires").parse().map_err(|_| (403, "AccessDenied", "Access Denied"))?;
    if parameter("signature") != signature(path, format, expires_ms) {
        return Err((403, "SignatureDoesNotMatch", "The signature does not match."));
    }
    if now.timestamp_millis() >= expires_ms {
        return Err((403, "AccessDenied", "Request has expired"));
    }
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let [BUCKET, id, name] = parts[..] else { return Err(NO_FILE) };
    let kind = FileKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(NO_FILE)?;
    Ok((id, kind, format))
}

fn signature(path: &str, format: &str, expires_ms: i64) -> String {
    let hash: [u8; 32] = Sha256::digest(format!("file host\n{path}\n{format}\n{expires_ms}")).into();
    u128::from_le_bytes(hash.first_chunk().copied().unwrap_or_default()).to_string()
}
