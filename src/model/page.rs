//! The page: the unit that is fetched and saved.
//!
//! A connector returns one page; the store saves it in one transaction. A page holds every record that the provider
//! sent, as a session or as a reject, each with the bytes it came from, so that nothing is lost between the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use tokio::sync::OwnedSemaphorePermit;

use crate::model::id::ProviderRecordId;
use crate::model::session::{Session, SessionState};
use crate::model::time::Window;

/// The start of the next page, in the connector's own form. It is never stored in the database, since
/// providers' tokens expire: it lives as long as the walk of the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor(pub String);

/// A request to a connector.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// Requested time range.
    pub window: &'a Window,
    /// Start of the page; `None` for the first page.
    pub cursor: Option<&'a Cursor>,
    /// Our current time, for rules such as "older than fifteen minutes".
    pub now: DateTime<Utc>,
}

/// A record that became a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The bytes as received.
    pub raw: Vec<u8>,
    /// The session made from the bytes.
    pub session: Session,
    /// Unexpected fields and values in it.
    pub drift: Vec<DriftItem>,
    /// State and end by these bytes alone, where the session combines several versions; `None`: those of the session.
    pub alone: Option<(SessionState, Option<DateTime<Utc>>)>,
}

impl Record {
    /// Returns state and end by the record's bytes alone.
    pub fn standing(&self) -> (SessionState, Option<DateTime<Utc>>) {
        self.alone.unwrap_or((self.session.state, self.session.ended_at))
    }
}

/// A record that could not be normalized. It is kept raw and can be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The bytes as received.
    pub raw: Vec<u8>,
    /// The record's id where it could be read.
    pub provider_record_id: Option<ProviderRecordId>,
    /// Code of the reason: `missing_field`, `unreadable_time`, `not_an_object`, `unusable_id`.
    pub reason_code: &'static str,
    /// Place in the record, RFC 6901.
    pub json_pointer: String,
    /// Description of the reason. Holds no value of the record.
    pub detail: String,
    /// Whether the record names only part of its session, which its bytes do not show.
    pub is_partial: bool,
}

/// An unexpected field or value of a record; stored and counted, never fatal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriftItem {
    /// Kind: `unknown_field`, `unknown_value`, `unreadable_value`, `replaced_text`, `stray_quote`.
    pub kind: &'static str,
    /// Path in the record, RFC 6901, list positions left out.
    pub path: String,
    /// The value where it belongs to a closed list and so is not personal; else empty.
    pub value: String,
}

/// A memory permit for an unusually large response, released when the last clone is dropped. Code that still
/// uses the response keeps it, and code that requests another response releases it first.
#[derive(Debug, Clone, Default)]
pub struct Room(#[expect(dead_code, reason = "it is held, not read")] Option<Arc<OwnedSemaphorePermit>>);

impl Room {
    /// Creates the room of a permit.
    pub fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(Arc::new(permit)))
    }
}

impl PartialEq for Room {
    /// Always equal: the permit is not part of the content.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// How a provider says that a list goes on after a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum More {
    /// It does not say so: the next page shows whether it does.
    #[default]
    Unsaid,
    /// By a token for the next page, which may be empty.
    Token,
    /// By a flag, or by a link that is not followed.
    Flag,
    /// By its number of pages.
    Pages(u64),
}

/// One page of a provider's list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Records that became sessions, in the provider's order.
    pub records: Vec<Record>,
    /// Records that could not be normalized.
    pub rejects: Vec<Reject>,
    /// Unexpected fields and values in the response's envelope.
    pub drift: Vec<DriftItem>,
    /// Start of the next page; `None` once the provider says that the list has ended.
    pub next: Option<Cursor>,
    /// Start of the next page, where only the provider's count says that the list has ended.
    pub past_end: Option<Cursor>,
    /// Whether the provider itself says that the list goes on.
    pub more: More,
    /// Number of requested records; 0: the caller did not state it.
    pub page_size: u64,
    /// Number of matching records by the provider, over all pages.
    pub total: Option<u64>,
    /// The provider's clock when it responded (`Date` header). Completeness is never claimed past it.
    pub provider_now: Option<DateTime<Utc>>,
    /// Reason why this kind of response cannot prove that the list was read to its end.
    pub unprovable: Option<&'static str>,
    /// Facts learnt about this source, kept for later runs (page base, meaning of a filter).
    pub facts: BTreeMap<&'static str, String>,
    /// Memory permit, held as long as the page.
    pub room: Room,
    /// Time of the request. The caller sets it, not the connector.
    pub fetched_at: Option<DateTime<Utc>>,
    /// Stored sessions that the provider does not have, as found by the walk that ends with this page, or one
    /// by one. The caller sets it.
    pub missing: Vec<ProviderRecordId>,
    /// The least time for which they must be missing before they count as deleted. The caller sets it.
    pub deleted_after: TimeDelta,
}

impl Page {
    /// Returns the number of records that the provider sent.
    pub fn len(&self) -> usize {
        self.records.len() + self.rejects.len()
    }

    /// Returns whether the provider sent no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A provider's count of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The count; `None` where the response has no readable one.
    pub total: Option<u64>,
    /// Reason why there is none.
    pub why_not: Option<&'static str>,
}

impl Count {
    /// Creates a count from the total of a response, if it had one.
    pub fn of(total: Option<u64>) -> Self {
        Self { total, why_not: total.is_none().then_some("the provider's response contains no readable count") }
    }
}

/// A row of a provider's table of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTotal {
    /// The day, in the provider's time zone for days.
    pub day: NaiveDate,
    /// Number of sessions.
    pub session_count: u64,
    /// Metered minutes.
    pub minutes: Decimal,
}
