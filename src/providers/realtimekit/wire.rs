//! RealtimeKit's envelopes, in the vendor's spelling: `success`, `data`, `paging`.
//!
//! They are split into records. No record is decoded, and a missing list is not an empty one. The offsets are row
//! numbers, from 1, both ends included; only they show the page size the provider really used. The vendor mixes
//! `snake_case` and `camelCase`, and puts `paging` beside `data` or inside it.

use serde_json::value::RawValue;

use crate::connector::http::Answer;
use crate::connector::record::{Fields, Members, lossy_text, members};
use crate::providers::envelope::{self, Paging};
use crate::providers::listing::{self, Listing};

/// A page of a list.
#[derive(Debug)]
pub(super) struct ListAnswer {
    /// The records.
    pub(super) listing: Listing,
    /// Number of the first row.
    pub(super) start_offset: Option<u64>,
    /// Number of the last row.
    pub(super) end_offset: Option<u64>,
}

/// Whether the answer states a failure.
pub(super) fn is_failure(answer: &Answer) -> bool {
    members(&answer.body).is_some_and(|members| envelope::states_failure(&members))
}

/// Splits an answer with the list `data.<name>`; `None` where it holds no such list.
pub(super) fn list(answer: &Answer, name: &str) -> Option<ListAnswer> {
    let outer = members(&answer.body)?;
    let whole = *outer.get("data")?;
    let is_null = whole.get() == "null" && outer.contains_key("paging");
    let data = if is_null { Members::new() } else { members(whole.get())? };
    if envelope::states_failure(&data) {
        return None;
    }
    let list = if is_null { whole } else { *data.get(name)? };
    let (records, null) = listing::list_or_null(answer, list)?;
    let drift = listing::drift_of(answer);
    let is_object = |raw: &&&RawValue| raw.get().starts_with('{');
    let offsets = [&outer, &data].into_iter().find_map(|holder| holder.get("paging").filter(is_object));
    let offsets = offsets.and_then(|raw| Fields::open(raw.get(), &drift).ok());
    let number = |name| offsets.as_ref().and_then(|offsets| listing::envelope_count(offsets, name));
    let (total, start_offset, end_offset) = (number("total_count"), number("start_offset"), number("end_offset"));
    let paging = envelope::paging(&[&outer, &data]);
    let listing = Listing { total: total.max(paging.total), null, ..Listing::of(answer, paging, &records, drift) };
    Some(ListAnswer { listing, start_offset, end_offset })
}

/// Splits a detail answer; `None` where it holds no session. `data` is the session; older answers have it in
/// `data.session`.
pub(super) fn session(answer: &Answer) -> Option<Listing> {
    let data: &RawValue = members(&answer.body)?.get("data")?;
    let inner = members(data.get())?.get("session").copied().filter(|inner| inner.get().starts_with('{'));
    Some(Listing::of(answer, Paging::default(), &[inner.unwrap_or(data)], listing::drift_of(answer)))
}

/// Returns the record of a report: `data.participant` or, in other versions of the API, `data` itself; `None` where
/// there is neither. All its fields are optional, so that only the name distinguishes the two.
pub(super) fn report(answer: &Answer) -> Option<&str> {
    let data: &RawValue = members(&answer.body)?.get("data")?;
    let record = members(data.get())?.get("participant").copied().unwrap_or(data);
    record.get().starts_with('{').then(|| record.get())
}

/// Returns the link in field `name` of `data`, in any spelling of it. `Ok(None)`: the provider has no link. `Err`: the
/// answer has another form, and treating it as "no link" would lose a file that is kept for days.
pub(super) fn link(answer: &Answer, name: &str) -> Result<Option<String>, &'static str> {
    let envelope = members(&answer.body).ok_or("the response is not an object")?;
    let data = envelope.get("data").ok_or("there is no `data`")?.get();
    if data == "null" {
        return Ok(None);
    }
    let fields = members(data).ok_or("`data` is not an object")?;
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let found: Vec<&RawValue> =
        fields.iter().filter(|(field, _)| plain(field) == plain(name)).map(|(_, value)| *value).collect();
    if found.is_empty() && data.contains("\"http") {
        return Err("`data` contains a link under an unknown name");
    }
    let mut link = None;
    for value in found.into_iter().filter(|value| value.get() != "null") {
        let (text, _) = lossy_text(value.get()).ok_or("the link is not a text")?;
        let text = text.trim();
        link = link.or_else(|| (!text.is_empty() && text != "null").then(|| text.to_owned()));
    }
    Ok(link)
}
