//! Functions shared by all providers' lists: from undecoded records to a page.
//!
//! A provider's `wire` module splits an answer into a [`Listing`]; its `normalize` module judges one record at a
//! time; the loop between the two is here, once, so that no provider can lose a record. Positions are written as JSON
//! into the opaque cursor. This module knows no vendor's spelling.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::connector::body::message_in;
use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::{Answer, ApiClient};
use crate::connector::record::{DriftItems, Fields, elements};
use crate::connector::{CheckReport, StoredBytes};
use crate::model::id::ProviderRecordId;
use crate::model::page::{Count, Cursor, More, Page, Record, Reject, Room};
use crate::model::session::{Session, is_possible_time};
use crate::model::time::Window;
use crate::providers::envelope::Paging;

/// Name of the fact that states the number of a provider's first page: `0` or `1`.
pub(super) const FACT_PAGE_BASE: &str = "page_base";

/// One answer of a list call, split but not decoded.
#[derive(Debug)]
pub(super) struct Listing {
    /// The records, in the provider's order.
    pub(super) records: Vec<Box<RawValue>>,
    /// Number of matching records, as stated by the provider.
    pub(super) total: Option<u64>,
    /// How the provider says that the list goes on.
    pub(super) more: More,
    /// The provider's clock.
    pub(super) provider_now: Option<DateTime<Utc>>,
    /// The present at the time of the answer.
    pub(super) present: DateTime<Utc>,
    /// Unknown fields and values of the answer so far.
    pub(super) drift: DriftItems,
    /// The error to return if the list was `null`.
    pub(super) null: Option<PullError>,
    /// Memory permit, held as long as the records are.
    pub(super) room: Room,
}

impl Listing {
    /// Creates the listing of records in an answer, of which `paging` is said beside them.
    pub(super) fn of(answer: &Answer, paging: Paging, records: &[&RawValue], drift: DriftItems) -> Self {
        Self {
            records: records.iter().map(|&record| record.to_owned()).collect(),
            total: paging.total,
            more: if answer.has_next_link { More::Flag } else { paging.more },
            provider_now: answer.provider_now,
            present: answer.present,
            drift,
            null: None,
            room: answer.room.clone(),
        }
    }

    /// Returns the number of records in the answer.
    pub(super) fn rows(&self) -> u64 {
        self.records.len() as u64
    }

    /// Returns the listing of a page: a `null` instead of a list is an error, unless the provider counts no record.
    /// After the first page, `null` may say that there is no such page.
    pub(super) fn into_page_of_list(self, is_first: bool) -> Result<Self, PullError> {
        let kind = if is_first { PullErrorKind::Contract } else { PullErrorKind::NoList };
        match self.null {
            Some(error) if self.total != Some(0) => Err(PullError { kind, ..error }),
            null => Ok(Self { null, ..self }),
        }
    }

    /// Whether the count of a list of one record may be the size of the page: then a list of two is needed.
    pub(super) fn may_count_page(&self) -> bool {
        self.total == Some(1) && self.rows() == 1
    }

    /// Returns the count from a list of at most two records, where the count from a list of one was in doubt.
    pub(super) fn count_of_two(&self) -> Count {
        let counts_page = self.rows() > 1 && self.total == Some(self.rows());
        let why_not = "the provider counts the records of a page, not of the list";
        if counts_page { Count { total: None, why_not: Some(why_not) } } else { Count::of(self.total) }
    }

    /// Returns the ids of the records in field `name`; a record without one is its own id.
    pub(super) fn ids(&self, name: &str) -> Vec<String> {
        let ignored = DriftItems::default();
        let id = |raw: &RawValue| Fields::open(raw.get(), &ignored).ok()?.text(name);
        self.records.iter().map(|raw| id(raw).unwrap_or_else(|| raw.get().to_owned())).collect()
    }

    /// Normalizes every record; each one becomes a session or a reject of the page.
    pub(super) fn into_page(self, normalize: impl Fn(&str, &DriftItems) -> Result<Session, Reject>) -> Page {
        let (total, more, provider_now) = (self.total, self.more, self.provider_now);
        let mut page = Page { total, more, provider_now, room: self.room, ..Page::default() };
        for raw in self.records {
            let drift = DriftItems::default();
            let session = normalize(raw.get(), &drift);
            match session.and_then(|session| possible(session, raw.get().as_bytes(), self.present, &drift)) {
                Ok(session) => {
                    let raw = String::from(Box::<str>::from(raw)).into_bytes();
                    page.records.push(Record { raw, session, drift: drift.into_inner(), alone: None });
                }
                Err(reject) => page.rejects.push(reject),
            }
        }
        page.drift = self.drift.into_inner();
        page
    }
}

/// Returns the session without times that cannot be; a reject where its creation is in the future of its own fetch.
fn possible(
    mut session: Session,
    raw: &[u8],
    fetched_at: DateTime<Utc>,
    drift: &DriftItems,
) -> Result<Session, Reject> {
    if !is_possible_time(session.created_at, fetched_at) {
        return Err(Reject {
            raw: raw.to_vec(),
            provider_record_id: Some(session.provider_session_id),
            reason_code: "unreadable_time",
            json_pointer: "/created_at".to_owned(),
            detail: "the time is later than that of the response".to_owned(),
            is_partial: false,
        });
    }
    for path in session.leave_out_impossible_times(fetched_at) {
        drift.count("unreadable_value", path, "impossible");
    }
    Ok(session)
}

/// Reads a stored record again. Its bytes are valid text unless they were written by another program.
pub(super) fn record_of(
    stored: StoredBytes<'_>,
    normalize: impl Fn(&str, &DriftItems) -> Result<Session, Reject>,
) -> Result<Record, Reject> {
    let (bytes, drift) = (stored.bytes, DriftItems::default());
    let session = normalize(&String::from_utf8_lossy(bytes), &drift)
        .map_err(|reject| Reject { raw: bytes.to_vec(), ..reject })?;
    let session = possible(session, bytes, stored.now, &drift)?;
    Ok(Record { raw: bytes.to_vec(), session, drift: drift.into_inner(), alone: None })
}

/// Returns the initial drift of an answer: counts bytes that were not UTF-8.
pub(super) fn drift_of(answer: &Answer) -> DriftItems {
    let drift = DriftItems::default();
    if answer.was_replaced {
        drift.count("replaced_text", "", "");
    }
    drift
}

/// Returns the elements of a list. `null` gives an empty list, with the error for [`Listing::into_page_of_list`]; any
/// other value gives `None`.
pub(super) fn list_or_null<'a>(answer: &Answer, list: &'a RawValue) -> Option<(Vec<&'a RawValue>, Option<PullError>)> {
    if list.get() == "null" {
        let error = PullError { http_status: Some(200), ..answer.contract_error("the list is null") };
        return Some((Vec::new(), Some(error)));
    }
    Some((elements(list.get())?, None))
}

/// Returns what `read` finds in the answer or, if that is nothing, in the answer with its invalid JSON repaired.
pub(super) fn read_or_mend<T>(answer: &Answer, read: impl Fn(&Answer) -> Option<T>) -> Option<T> {
    read(answer).or_else(|| read(&answer.repaired()?))
}

/// Reads a count in an envelope: total or offset. An invalid count is `None` and counted as drift.
pub(super) fn envelope_count(envelope: &Fields<'_>, name: &str) -> Option<u64> {
    use rust_decimal::prelude::ToPrimitive;
    let count = envelope.decimal(name)?;
    let whole = count.is_integer().then(|| count.to_u64()).flatten();
    if whole.is_none() {
        envelope.unknown_value(name, "");
    }
    whole
}

/// Continuation of a list after a page.
#[derive(Debug)]
pub(super) enum Onward {
    /// The next page.
    Next(Cursor),
    /// The provider's count says that the list has ended; the next page would begin here.
    PastEnd(Cursor),
    /// The end: the page was empty, or the provider marks it as the last in another way.
    End,
}

impl Onward {
    /// Returns the next page and, separately, the page after an end that only the count reports.
    pub(super) fn into_cursors(self) -> (Option<Cursor>, Option<Cursor>) {
        match self {
            Self::Next(cursor) => (Some(cursor), None),
            Self::PastEnd(cursor) => (None, Some(cursor)),
            Self::End => (None, None),
        }
    }
}

/// Returns where a list with numbered pages continues: an empty page ends it, and so does a total that was reached,
/// as far as the provider says. The caller decides whether to trust the total.
pub(super) fn onward(rows: u64, seen: u64, total: Option<u64>, next: &impl Serialize) -> Onward {
    match total {
        _ if rows == 0 => Onward::End,
        Some(total) if total == seen => Onward::PastEnd(write_position(next)),
        _ => Onward::Next(write_position(next)),
    }
}

/// Creates the error for an answer with status 200 that breaks the contract, with the provider's message.
pub(super) fn contract_error(api: &ApiClient, answer: &Answer, what: &str) -> PullError {
    let detail = match message_in(answer.body.as_bytes(), |said| redacted(api, said)) {
        Some(said) => format!("status 200, but {what}: {said}"),
        None => format!("status 200, but {what}"),
    };
    PullError { http_status: Some(200), ..answer.contract_error(redacted(api, &detail)) }
}

/// Returns the text without the credential. Call it before shortening the text, so that no part of the credential
/// remains.
pub(super) fn redacted(api: &ApiClient, text: &str) -> String {
    api.api_key.redact(text)
}

/// Writes a position for [`read_position`].
#[expect(clippy::expect_used, reason = "numbers and texts always serialize")]
pub(super) fn write_position(position: &impl Serialize) -> Cursor {
    Cursor(serde_json::to_string(position).expect("a position is numbers and texts"))
}

/// Reads a position back; `None` is the first page. Errors where it is not one of this connector's.
pub(super) fn read_position<T: DeserializeOwned>(cursor: Option<&Cursor>) -> Result<Option<T>, PullError> {
    let read = cursor.map(|cursor| serde_json::from_str(&cursor.0)).transpose();
    read.map_err(|_| PullError::contract("cursor", "not a position in this provider's list"))
}

/// Returns the range to list for `window`. No vendor documents whether the ends of a range are included, so the range
/// is a little wider, and a session at a border is in both windows. Counts use the window itself, and the caller
/// tries both meanings.
pub(super) fn wider(window: &Window, by: TimeDelta) -> Window {
    Window { from: window.from - by, to: window.to + by }
}

/// Formats the lower end of a range as RFC 3339 with milliseconds and `Z`, rounded down.
pub(super) fn millis(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Formats the upper end likewise, rounded up so that nothing is left out.
pub(super) fn millis_up(at: DateTime<Utc>) -> String {
    let is_whole = at.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    millis(if is_whole { at } else { at + TimeDelta::milliseconds(1) })
}

/// Creates the check report for a received answer.
pub(super) fn check_report(listing: &Listing, now: DateTime<Utc>, findings: &[(&str, String)]) -> CheckReport {
    let total = listing.total.map_or_else(|| "not stated".to_owned(), |total| total.to_string());
    let all = findings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    CheckReport {
        clock_skew_seconds: listing.provider_now.map(|at| (at - now).num_seconds()),
        findings: all.chain([("total".to_owned(), total)]).collect(),
    }
}

/// Returns an id for a message without one: the same content at the same place gives the same id.
#[expect(clippy::expect_used, reason = "39 characters of a-z, 0-9 and a colon are a usable id")]
pub(super) fn content_id(parts: &[&str]) -> ProviderRecordId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = "sha256:".to_owned();
    for byte in &hash.finalize()[..16] {
        let _ = write!(text, "{byte:02x}");
    }
    ProviderRecordId::parse(&text).expect("a hash is a usable id")
}
