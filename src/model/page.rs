//! The page: the unit that is fetched and saved.
//!
//! A connector answers one page; the store saves it in one transaction. A page holds every record the
//! provider sent, as a session or as a reject, each with the bytes it came from, so that nothing is
//! lost between the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio::sync::OwnedSemaphorePermit;

use crate::model::id::ProviderRecordId;
use crate::model::session::{Session, SessionState};
use crate::model::time::Window;

/// Where the next page begins, in the connector's own words. It lives as long as the walk: providers'
/// tokens expire, so a position is never parked in the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor(pub String);

/// What is asked of a connector.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// The range of time wanted.
    pub window: &'a Window,
    /// Where to go on; `None` for the first page.
    pub cursor: Option<&'a Cursor>,
    /// Our present, for judgements such as "older than fifteen minutes".
    pub now: DateTime<Utc>,
}

/// A record that became a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The bytes as received.
    pub raw: Vec<u8>,
    /// What they mean.
    pub session: Session,
    /// What was unexpected in it.
    pub oddities: Vec<Oddity>,
    /// State and end by these bytes alone, where the session is put together of several versions; else its own.
    pub alone: Option<(SessionState, Option<DateTime<Utc>>)>,
}

impl Record {
    /// State and end by its bytes alone.
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
    /// Why, for programs: `missing_field`, `unreadable_time`, `not_an_object`, `unusable_id`.
    pub reason_code: &'static str,
    /// Where in the record, RFC 6901.
    pub json_pointer: String,
    /// Why, for people. Holds no value of the record.
    pub detail: String,
    /// The record would have named only part of its session, which its bytes do not say.
    pub is_partial: bool,
}

/// Something a record held that we did not expect; kept and counted, never fatal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oddity {
    /// What is odd: `unknown_field`, `unknown_value`, `unreadable_value`, `replaced_text`, `stray_quote`.
    pub kind: &'static str,
    /// Where in the record, RFC 6901, list positions left out.
    pub path: String,
    /// The value where it is of a closed list and so not personal; else empty.
    pub value: String,
}

/// A place in memory for an uncommonly large answer. Given back when the last clone is dropped, so whoever works on
/// with the answer keeps it, and whoever asks for another answer first gives it back.
#[derive(Debug, Clone, Default)]
pub struct Room(#[expect(dead_code, reason = "it is held, not read")] Option<Arc<OwnedSemaphorePermit>>);

impl Room {
    /// The place that this permit stands for.
    pub fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(Arc::new(permit)))
    }
}

impl PartialEq for Room {
    /// It is no part of what an answer says.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One page of a provider's list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Records that became sessions, in the provider's order.
    pub records: Vec<Record>,
    /// Records that did not.
    pub rejects: Vec<Reject>,
    /// What was unexpected around the records, in the answer's envelope.
    pub oddities: Vec<Oddity>,
    /// Where the next page begins; `None` once the provider says that the list has ended.
    pub next: Option<Cursor>,
    /// Where the next page would begin, where only the provider's count says that the list has ended.
    pub past_end: Option<Cursor>,
    /// How many records were asked for; 0: the caller did not say.
    pub page_size: u64,
    /// How many records the provider says match, over all pages.
    pub total: Option<u64>,
    /// The provider's clock when it answered (`Date` header). Completeness is never claimed past it.
    pub provider_now: Option<DateTime<Utc>>,
    /// The answer is of a kind that cannot prove that the list was read to its end; says why.
    pub unprovable: Option<&'static str>,
    /// What was learnt about this source, kept for later runs (page base, meaning of a filter).
    pub facts: BTreeMap<&'static str, String>,
    /// Held as long as the page is.
    pub room: Room,
    /// When it was asked for. Said by whoever asks, not by connectors.
    pub fetched_at: Option<DateTime<Utc>>,
    /// Stored sessions that the provider was asked for and does not have: by the walk that ends with this page, or one
    /// by one. Said by whoever asks.
    pub missing: Vec<ProviderRecordId>,
}

impl Page {
    /// How many records the provider sent.
    pub fn len(&self) -> usize {
        self.records.len() + self.rejects.len()
    }

    /// Whether it sent none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many records a provider counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The count; `None` where the answer has none that can be read.
    pub total: Option<u64>,
    /// Why there is none.
    pub why_not: Option<&'static str>,
}

impl Count {
    /// The total of an answer, if it had one.
    pub fn of(total: Option<u64>) -> Self {
        Self { total, why_not: total.is_none().then_some("the provider's answer holds no count that can be read") }
    }
}

/// A row of a provider's table of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTotal {
    /// The day, in whatever zone the provider counts its days.
    pub day: NaiveDate,
    /// Sessions.
    pub session_count: u64,
    /// What it metered, minutes.
    pub minutes: Decimal,
}
