//! KonPro's envelopes, in the vendor's spelling.
//!
//! The same address is documented with two answers: the history (`data`) and the active sessions (`sessions`); either
//! may be inside the `data` of a `code` 100 envelope. This module distinguishes them and splits them into records. It
//! decodes no record, and a missing list is not an empty one.

use crate::connector::http::Answer;
use crate::connector::record::{Fields, members};
use crate::providers::listing::{self, Listing};

/// The code of success.
const SUCCESS: &str = "100";

/// A page of sessions.
#[derive(Debug)]
pub(super) struct SessionsAnswer {
    /// The records.
    pub(super) listing: Listing,
    /// Token of the next page; `None` where it is absent, null or empty.
    pub(super) next_token: Option<String>,
    /// Whether it is the list of active sessions, which contains only id, status and creation.
    pub(super) is_active_list: bool,
}

/// Returns the vendor's error code where the answer is an error in spite of its status.
pub(super) fn error_code(answer: &Answer) -> Option<String> {
    let ignored = listing::drift_of(answer);
    let envelope = Fields::open(&answer.body, &ignored).ok()?;
    if let Some(code) = envelope.text("code") {
        return (code != SUCCESS).then_some(code);
    }
    let error = *members(&answer.body)?.get("error")?;
    if matches!(error.get(), "null" | "false" | "\"\"") {
        return None;
    }
    let code = Fields::open(error.get(), &ignored).ok().and_then(|error| error.text("code"));
    Some(code.unwrap_or_else(|| "not given".to_owned()))
}

/// Splits an answer; `None` where it holds no list.
pub(super) fn sessions(answer: &Answer) -> Option<SessionsAnswer> {
    let outer = members(&answer.body)?;
    let inner = outer.get("data").map(|data| data.get()).filter(|data| data.starts_with('{'));
    let envelope = inner.unwrap_or(&answer.body);
    let lists = members(envelope)?;
    let list = |name| lists.get(name).and_then(|raw| listing::list_or_null(answer, raw));
    let history = list("data").filter(|(_, null)| null.is_none() || !lists.contains_key("sessions"));
    let is_active_list = history.is_none();
    let (records, null) = history.or_else(|| list("sessions"))?;
    let drift = listing::drift_of(answer);
    let fields = Fields::open(envelope, &drift).ok()?;
    let total = listing::envelope_count(&fields, "total");
    let next_token = fields.text("next_pagination_token");
    let listing = Listing {
        records: records.into_iter().map(ToOwned::to_owned).collect(),
        total,
        provider_now: answer.provider_now,
        drift,
        null,
        room: answer.room.clone(),
    };
    Some(SessionsAnswer { listing, next_token, is_active_list })
}
