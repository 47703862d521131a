//! The calls to RealtimeKit: the two lists, one session, links to files, and reports.
//!
//! Ids are percent-encoded in addresses, so that no id can lead elsewhere. An answer with `success: false` is a
//! failure regardless of its status. This module does not interpret sessions.

use chrono::TimeDelta;

use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::{Answer, ApiClient};
use crate::connector::record::DriftItems;
use crate::model::artifact::Absence;
use crate::model::id::ProviderRecordId;
use crate::model::time::Window;
use crate::providers::listing::{self, Listing};
use crate::providers::realtimekit::wire::{self, ListAnswer};

/// Returns the path of an app's sessions.
pub(super) fn sessions_path(account_id: &str, app_id: &str) -> String {
    format!("/accounts/{}/realtime/kit/{}/sessions", segment(account_id), segment(app_id))
}

/// One of the vendor's two lists.
#[derive(Debug)]
pub(super) struct List {
    /// Path of the list.
    path: String,
    /// Its name within `data`.
    name: &'static str,
    /// Query parameters of each page.
    query: Vec<(&'static str, String)>,
}

impl List {
    /// Whether the list belongs to one session: then a missing page may also mean that there is no such session.
    pub(super) fn is_of_one_session(&self) -> bool {
        self.name == PARTICIPANTS
    }
}

/// Name of the list of one session's participants.
const PARTICIPANTS: &str = "participants";

/// How much a window is widened for listing.
pub(super) const BORDER: TimeDelta = TimeDelta::milliseconds(1);

/// Returns `GET …/sessions`: the sessions of a range, oldest first, so that new sessions append and do not shift
/// pages already read.
pub(super) fn sessions(sessions_path: &str, range: &Window) -> List {
    let query = vec![
        ("sort_by", "createdAt".to_owned()),
        ("sort_order", "ASC".to_owned()),
        ("start_time", listing::millis(range.from)),
        ("end_time", listing::millis_up(range.to)),
    ];
    List { path: sessions_path.to_owned(), name: "sessions", query }
}

/// Returns `GET …/sessions/{session_id}/participants`: the participants in the order of joining, for the same reason.
/// `raw`: a breakout room is a session of its own and counts its participants itself.
pub(super) fn participants(sessions_path: &str, id: &ProviderRecordId) -> Result<List, PullError> {
    let query = vec![
        ("sort_by", "joinedAt".to_owned()),
        ("sort_order", "ASC".to_owned()),
        ("include_peer_events", "false".to_owned()),
        ("view", "raw".to_owned()),
    ];
    Ok(List { path: format!("{}/participants", below(sessions_path, id)?), name: PARTICIPANTS, query })
}

/// Fetches one page of a list.
pub(super) async fn page(api: &ApiClient, list: &List, page_no: u32, per_page: u32) -> Result<ListAnswer, PullError> {
    let paging = [("page_no", page_no.to_string()), ("per_page", per_page.to_string())];
    let query: Vec<_> = paging.into_iter().chain(list.query.iter().cloned()).collect();
    let answer = ask(api, &list.path, &query).await?;
    listing::read_or_mend(&answer, |answer| unless_failure(answer, wire::list(answer, list.name))).ok_or_else(|| {
        let what = format!("there is no list `data.{}`", list.name);
        listing::contract_error(api, &answer, &what)
    })
}

/// Calls `GET …/sessions/{session_id}`; `None` where the provider does not know the session.
pub(super) async fn session(
    api: &ApiClient,
    sessions_path: &str,
    id: &ProviderRecordId,
) -> Result<Option<Listing>, PullError> {
    let path = below(sessions_path, id)?;
    let Some(answer) = known(ask(api, &path, &[]).await)? else { return Ok(None) };
    let listing = listing::read_or_mend(&answer, |answer| unless_failure(answer, wire::session(answer)));
    listing.map(Some).ok_or_else(|| listing::contract_error(api, &answer, "there is no object `data`"))
}

/// A file of a session that is fetched by link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// `GET …/chat`.
    Chat,
    /// `GET …/transcript`, requested as JSON: only that format states when a sentence ends.
    Transcript,
    /// `GET …/summary`.
    Summary,
}

impl FileKind {
    /// Returns the name of the file for errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat file",
            Self::Transcript => "transcript file",
            Self::Summary => "summary file",
        }
    }

    /// Returns the name of the call, and of the field with the link.
    fn call(self) -> (&'static str, &'static str) {
        match self {
            Self::Chat => ("chat", "chat_download_url"),
            Self::Transcript => ("transcript", "transcript_download_url"),
            Self::Summary => ("summary", "summary_download_url"),
        }
    }
}

/// Requests a fresh link to a file, or finds that there is none. The link's stated expiry is ignored: by another
/// clock it may still be valid, and using it shows whether it is.
pub(super) async fn link(
    api: &ApiClient,
    sessions_path: &str,
    id: &ProviderRecordId,
    kind: FileKind,
) -> Result<Result<String, Absence>, PullError> {
    let (call, name) = kind.call();
    let format = [("format", "JSON".to_owned())];
    let query: &[_] = if kind == FileKind::Transcript { &format } else { &[] };
    let answer = async { ask(api, &format!("{}/{call}", below(sessions_path, id)?), query).await }.await;
    let Some(answer) = known(answer)? else { return Ok(Err(Absence::NotFound)) };
    let link = wire::link(&answer, name).map_err(|what| listing::contract_error(api, &answer, what))?;
    Ok(link.ok_or(Absence::NoLink))
}

/// Calls `GET …/sessions/peer-report/{peer_id}`: returns the record of one presence's report, as received; `None`
/// where the provider does not know it.
pub(super) async fn report(
    api: &ApiClient,
    sessions_path: &str,
    peer: &ProviderRecordId,
) -> Result<Option<Report>, PullError> {
    let query = [("filters", "quality_stats".to_owned())];
    let path = below(&format!("{sessions_path}/peer-report"), peer);
    let Some(answer) = known(async { ask(api, &path?, &query).await }.await)? else { return Ok(None) };
    let record = wire::report(&answer).map(str::to_owned);
    let record = record.ok_or_else(|| listing::contract_error(api, &answer, "there is no object `data`"))?;
    Ok(Some(Report { record, drift: listing::drift_of(&answer) }))
}

/// A received report.
#[derive(Debug)]
pub(super) struct Report {
    /// The record.
    pub(super) record: String,
    /// Unknown fields and values of the answer.
    pub(super) drift: DriftItems,
}

/// Sends a GET; an answer that states a failure is an error.
pub(super) async fn ask(api: &ApiClient, path: &str, query: &[(&str, String)]) -> Result<Answer, PullError> {
    let answer = api.get(path, query).await?;
    if wire::is_failure(&answer) {
        return Err(listing::contract_error(api, &answer, "the response contains `success: false`"));
    }
    Ok(answer)
}

/// Returns what was read, unless the answer states a failure. This is checked again for a repaired answer, because
/// the first check could not read it.
fn unless_failure<T>(answer: &Answer, read: Option<T>) -> Option<T> {
    read.filter(|_| !answer.was_replaced || !wire::is_failure(answer))
}

/// Turns "not found" into `None` where a single object is requested.
fn known<T>(answer: Result<T, PullError>) -> Result<Option<T>, PullError> {
    match answer {
        Err(error) if error.kind == PullErrorKind::NotFound => Ok(None),
        answer => answer.map(Some).map_err(about_one),
    }
}

/// Turns a refusal of one session's request into a contract error, because it says nothing about other sessions.
pub(super) fn about_one(error: PullError) -> PullError {
    match error.http_status {
        Some(400 | 422) => PullError { kind: PullErrorKind::Contract, ..error },
        _ => error,
    }
}

/// Returns the path of `id` below `path`.
pub(super) fn below(path: &str, id: &ProviderRecordId) -> Result<String, PullError> {
    let path = format!("{path}/{}", segment(id.as_str()));
    if matches!(id.as_str(), "." | "..") {
        // An address with such a segment is normalized to another one, even if encoded.
        let detail = "this id cannot be part of an address".to_owned();
        return Err(PullError {
            kind: PullErrorKind::NotFound,
            call: format!("GET {path}"),
            detail,
            http_status: None,
        });
    }
    Ok(path)
}

/// Encodes text as one segment of a path: all but unreserved characters as `%XX` (RFC 3986, 2.3).
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
