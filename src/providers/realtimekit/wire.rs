//! RealtimeKit's envelopes, as the vendor spells them: `success`, `data`, `paging`.
//!
//! They are split into records; no record is decoded, and a missing list is not an empty one. The
//! offsets are row numbers, from 1, both ends included; the page size the provider really used shows
//! in them alone.

use serde_json::value::RawValue;

use crate::connector::http::Answer;
use crate::connector::record::{Fields, elements, members};
use crate::providers::listing::{self, Listing};

/// A page of sessions.
#[derive(Debug)]
pub(super) struct SessionsAnswer {
    /// The records.
    pub(super) listing: Listing,
    /// Number of the first row.
    pub(super) start_offset: Option<u64>,
    /// Number of the last row.
    pub(super) end_offset: Option<u64>,
}

/// Whether the answer calls itself a failure.
pub(super) fn is_failure(answer: &Answer) -> bool {
    let ignored = listing::oddities_of(answer);
    Fields::open(&answer.body, &ignored).is_ok_and(|envelope| envelope.flag("success") == Some(false))
}

/// Splits a list answer; `None` where it holds no list.
pub(super) fn sessions(answer: &Answer) -> Option<SessionsAnswer> {
    let data = members(members(&answer.body)?.get("data")?.get())?;
    let records = elements(data.get("sessions")?.get())?;
    let oddities = listing::oddities_of(answer);
    let paging = Fields::open(&answer.body, &oddities).ok()?.object("paging");
    let number = |name| paging.as_ref().and_then(|paging| listing::envelope_count(paging, name));
    let (total, start_offset, end_offset) = (number("total_count"), number("start_offset"), number("end_offset"));
    let listing = Listing {
        records: records.into_iter().map(ToOwned::to_owned).collect(),
        total,
        provider_now: answer.provider_now,
        oddities,
    };
    Some(SessionsAnswer { listing, start_offset, end_offset })
}

/// Splits a detail answer; `None` where it holds no session. `data` is the session; older answers have
/// it in `data.session`.
pub(super) fn session(answer: &Answer) -> Option<Listing> {
    let data: &RawValue = members(&answer.body)?.get("data")?;
    let inner = members(data.get())?.get("session").copied().filter(|inner| inner.get().starts_with('{'));
    Some(Listing {
        records: vec![inner.unwrap_or(data).to_owned()],
        total: None,
        provider_now: answer.provider_now,
        oddities: listing::oddities_of(answer),
    })
}
