//! The calls to RealtimeKit: the session list and one session.
//!
//! Ids go into an address only encoded, so that no id can lead elsewhere. An answer that says
//! `success: false` is a failure whatever its status. Does not know what a session means.

use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::ApiClient;
use crate::model::id::ProviderRecordId;
use crate::model::time::Window;
use crate::providers::listing::{self, Listing};
use crate::providers::realtimekit::wire::{self, SessionsAnswer};

/// The path below which an app's sessions lie.
pub(super) fn sessions_path(account_id: &str, app_id: &str) -> String {
    format!("/accounts/{}/realtime/kit/{}/sessions", segment(account_id), segment(app_id))
}

/// `GET …/sessions`: a page of the sessions of `window`, oldest first, so that newcomers append and
/// move no page that was read already.
pub(super) async fn list_sessions(
    api: &ApiClient,
    sessions_path: &str,
    window: &Window,
    page_no: u32,
    per_page: u32,
) -> Result<SessionsAnswer, PullError> {
    let query = [
        ("page_no", page_no.to_string()),
        ("per_page", per_page.to_string()),
        ("sort_by", "createdAt".to_owned()),
        ("sort_order", "ASC".to_owned()),
        ("start_time", listing::millis_down(window.from)),
        ("end_time", listing::millis_up(window.to)),
    ];
    let answer = api.get(sessions_path, &query).await?;
    if wire::is_failure(&answer) {
        return Err(listing::contract_error(api, &answer, "the answer says `success: false`"));
    }
    wire::sessions(&answer).ok_or_else(|| listing::contract_error(api, &answer, "there is no list `data.sessions`"))
}

/// `GET …/sessions/{session_id}`: one session; `None` where the provider does not know it.
pub(super) async fn session(
    api: &ApiClient,
    sessions_path: &str,
    id: &ProviderRecordId,
) -> Result<Option<Listing>, PullError> {
    let path = session_path(sessions_path, id)?;
    let answer = match api.get(&path, &[]).await {
        Err(error) if error.kind == PullErrorKind::NotFound => return Ok(None),
        answer => answer?,
    };
    if wire::is_failure(&answer) {
        return Err(listing::contract_error(api, &answer, "the answer says `success: false`"));
    }
    let listing = wire::session(&answer);
    listing.map(Some).ok_or_else(|| listing::contract_error(api, &answer, "there is no object `data`"))
}

/// The path of one session. An error where the id is one that no address can name.
pub(super) fn session_path(sessions_path: &str, id: &ProviderRecordId) -> Result<String, PullError> {
    let path = format!("{sessions_path}/{}", segment(id.as_str()));
    if matches!(id.as_str(), "." | "..") {
        // An address with such a segment means another one, however it is encoded.
        let detail = "this id cannot be asked for by address".to_owned();
        return Err(PullError { kind: PullErrorKind::NotFound, call: path, detail, http_status: None });
    }
    Ok(path)
}

/// Text as one segment of a path: all but unreserved characters as `%XX` (RFC 3986, 2.3).
fn segment(text: &str) -> String {
    use std::fmt::Write;
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}
