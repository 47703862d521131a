//! KonPro's envelopes, in the vendor's spelling.
//!
//! The same address is documented with two answers: the history (`data`) and the active sessions (`sessions`); either
//! may be inside the `data` of a `code` 100 envelope. This module distinguishes them and splits them into records. It
//! decodes no record, and a missing list is not an empty one.

use crate::connector::http::Answer;
use crate::connector::record::{DriftItems, Fields, Members, members};
use crate::providers::envelope;
use crate::providers::listing::{self, Listing};

/// The code of success.
const SUCCESS: &str = "100";

/// A page of sessions.
#[derive(Debug)]
pub(super) struct SessionsAnswer {
    /// The records.
    pub(super) listing: Listing,
    /// Token of the next page; `None` where it is absent, null, zero, false or empty.
    pub(super) next_token: Option<String>,
    /// Whether it is the list of active sessions, which contains only id, status and creation.
    pub(super) is_active_list: bool,
}

/// An answer, split into its members.
pub(super) struct Envelope<'a> {
    answer: &'a Answer,
    members: Members<'a>,
}

impl<'a> Envelope<'a> {
    /// Opens an answer; `None` where it is no object.
    pub(super) fn open(answer: &'a Answer) -> Option<Self> {
        Some(Self { answer, members: members(&answer.body)? })
    }

    /// Returns the vendor's error code where the answer is an error in spite of its status.
    pub(super) fn error_code(&self) -> Option<String> {
        let ignored = DriftItems::default();
        let code = Fields::of(self.members.clone(), &self.answer.body, &ignored).text("code");
        if code.as_ref().is_some_and(|code| code != SUCCESS) {
            return code;
        }
        if !envelope::states_failure(&self.members) {
            return None;
        }
        let error = self.members.get("error").and_then(|error| Fields::open(error.get(), &ignored).ok());
        Some(error.and_then(|error| error.text("code")).unwrap_or_else(|| "not given".to_owned()))
    }

    /// Splits a list of sessions; `None` where there is none.
    pub(super) fn sessions(self) -> Option<SessionsAnswer> {
        let answer = self.answer;
        let inner = self.members.get("data").map(|data| data.get()).filter(|data| data.starts_with('{'));
        let (raw, holder) = match inner {
            Some(inner) => (inner, members(inner)?),
            None => (answer.body.as_str(), self.members.clone()),
        };
        if envelope::states_failure(&holder) {
            return None;
        }
        let paging = envelope::paging(&[&self.members, &holder]);
        let list = |name| holder.get(name).and_then(|raw| listing::list_or_null(answer, raw));
        let history = list("data").filter(|(_, null)| null.is_none() || !holder.contains_key("sessions"));
        let is_active_list = history.is_none();
        let (records, null) = history.or_else(|| list("sessions"))?;
        let drift = listing::drift_of(answer);
        let fields = Fields::of(holder, raw, &drift);
        let total = listing::envelope_count(&fields, "total").max(paging.total);
        let is_token = |text: &String| !matches!(text.as_str(), "0" | "false");
        let next_token = fields.text("next_pagination_token").filter(is_token);
        let listing = Listing { total, null, ..Listing::of(answer, paging, &records, drift) };
        Some(SessionsAnswer { listing, next_token, is_active_list })
    }

    /// Splits the session that was started; `None` where there is none. Without an envelope the answer is the session.
    pub(super) fn started<'d>(self, ignored: &'d DriftItems) -> Option<Fields<'d>>
    where
        'a: 'd,
    {
        match self.members.get("data") {
            Some(data) => Fields::open(data.get(), ignored).ok(),
            None => Some(Fields::of(self.members, &self.answer.body, ignored)),
        }
    }
}
