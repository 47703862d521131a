//! The KonPro call for the session history.
//!
//! Only the reading call is here; the one that starts a session begins billing and is in `launch`. An error with
//! status 200 becomes a failure before records are read. This module does not interpret sessions.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::{Answer, ApiClient};
use crate::model::time::Window;
use crate::providers::konpro::wire::{Envelope, SessionsAnswer};
use crate::providers::listing;

/// The requested page of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageRef {
    /// By number, from 1.
    Page(u32),
    /// By the token of the previous page.
    Token(String),
}

/// How much a window is widened for listing: the vendor compares whole seconds.
pub(super) const BORDER: TimeDelta = TimeDelta::seconds(1);

/// Calls `GET /v1/streaming/sessions`: fetches a page of the history of `range`.
///
/// `page` and `page_size` select the history: without them the same address lists active sessions. The vendor
/// refuses fractions of a second.
pub(super) async fn list_sessions(
    api: &ApiClient,
    range: &Window,
    page: &PageRef,
    page_size: u32,
) -> Result<SessionsAnswer, PullError> {
    let position = match page {
        PageRef::Page(number) => ("page", number.to_string()),
        PageRef::Token(token) => ("token", token.clone()),
    };
    let is_whole = range.to.timestamp_subsec_nanos() == 0;
    let to = if is_whole { range.to } else { range.to + TimeDelta::seconds(1) };
    let query = [
        position,
        ("page_size", page_size.to_string()),
        ("date_from", whole_seconds(range.from)),
        ("date_to", whole_seconds(to)),
    ];
    let answer = api.get("/v1/streaming/sessions", &query).await?;
    let read = |answer: &Answer| {
        let envelope = Envelope::open(answer)?;
        match envelope.error_code() {
            Some(code) => Some(Err(refusal(api, answer, &code))),
            None => envelope.sessions().map(Ok),
        }
    };
    listing::read_or_mend(&answer, read)
        .unwrap_or_else(|| Err(listing::contract_error(api, &answer, "there is no list `data` and no list `sessions`")))
}

fn whole_seconds(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the failure for one of the vendor's error codes: numbers as in its sibling API, or words as in its SDK.
pub(super) fn refusal(api: &ApiClient, answer: &Answer, code: &str) -> PullError {
    let code: String = listing::redacted(api, code).chars().filter(|c| !c.is_control()).take(40).collect();
    let error = listing::contract_error(api, answer, &format!("the error code is {code}"));
    match code.as_str() {
        "400112" | "403" | "MISSING_API_KEY" | "INVALID_API_KEY" | "UNAUTHORIZED" | "FORBIDDEN" => {
            PullError { kind: PullErrorKind::Auth, ..error }
        }
        code if code.starts_with("401") => PullError { kind: PullErrorKind::Auth, ..error },
        _ => error,
    }
}
