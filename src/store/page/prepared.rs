//! A page's records with their hashes, and the context in which they are saved. All writers of a page use both.

use chrono::{DateTime, Utc};

use crate::model::page::Record;
use crate::model::person::PersonKey;
use crate::model::session::MAPPING_VERSION;
use crate::store::artifact::task::SessionStream;
use crate::store::change::Stamp;
use crate::store::erasure::tombstone::{Erased, Pseudonyms};
use crate::store::field_presence::FieldBook;
use crate::store::raw::{self, Hash, Origin};
use crate::store::run::Tally;
use crate::store::write_guard::WriteGuard;

/// Context of saving a page.
#[derive(Debug, Clone, Copy)]
pub struct SaveContext<'a> {
    /// The right to write.
    pub guard: &'a WriteGuard,
    /// The run it belongs to.
    pub run_id: i64,
    /// Counts of the run before this page, if it is time to write its progress; `None`: a later page writes it, or
    /// none does.
    pub tally: Option<Tally>,
    /// The slug used for pseudonyms: the first one of the source.
    pub source_slug: &'a str,
    /// Key that turns people into pseudonyms.
    pub person_key: &'a PersonKey,
    /// Streams to fetch for each known session.
    pub session_streams: &'a [SessionStream],
    /// The usual fields, and the counts of the run.
    pub fields: &'a FieldBook,
    /// When the page was requested: of two records without a version, the one requested later is newer.
    pub fetched_at: DateTime<Utc>,
    /// The present.
    pub now: DateTime<Utc>,
}

impl SaveContext<'_> {
    pub(in crate::store) fn stamp(&self) -> Stamp {
        Stamp { run_id: self.run_id, fetched_at: self.fetched_at, now: self.now }
    }

    pub(in crate::store) fn pseudonyms(&self) -> Pseudonyms<'_> {
        Pseudonyms { key: self.person_key, slug: self.source_slug }
    }

    pub(in crate::store) fn origin(&self) -> Origin<'static> {
        let Self { guard, run_id, fetched_at, .. } = *self;
        Origin { stream: guard.stream_key().stream, session: None, run_id, fetched_at }
    }
}

/// A record with its hashes.
#[derive(Debug, Clone)]
pub(in crate::store) struct Prepared<'a> {
    pub(in crate::store) record: &'a Record,
    pub(in crate::store) raw_hash: Hash,
    /// Covers the bytes, the version of the mapping, and the values that time alone may change: state and end.
    pub(in crate::store) row_hash: Hash,
    pub(in crate::store) person_id: Option<String>,
    /// Pseudonyms of the person's other identities.
    other_person_ids: Vec<String>,
    /// Whether it lacks a usual field of the session, and so clears no stored value.
    pub(in crate::store) lacks_field: bool,
    /// Whether it lacks a usual field of its messages.
    pub(in crate::store) lacks_message_field: bool,
}

impl<'a> Prepared<'a> {
    pub(in crate::store) fn new(record: &'a Record, context: &SaveContext<'_>) -> Self {
        let raw_hash = raw::hash(&[&record.raw]);
        let (state, ended_at) = record.standing();
        let end = ended_at.map_or(i64::MIN, |at| at.timestamp_micros()).to_be_bytes();
        let identities = record.session.identities.iter();
        let mut person_ids = identities.map(|person| context.person_key.person_id(context.source_slug, person));
        Self {
            record,
            raw_hash,
            row_hash: raw::hash(&[&raw_hash, &[MAPPING_VERSION], state.as_str().as_bytes(), &end]),
            person_id: person_ids.next(),
            other_person_ids: person_ids.collect(),
            lacks_field: context.fields.lacks(&record.session.fields, false),
            lacks_message_field: context.fields.lacks(&record.session.fields, true),
        }
    }

    /// Returns the records as they are stored: those of erased people under other pseudonyms, or not at all.
    pub(in crate::store) fn without_erased(records: &[Self], erased: &Erased) -> Vec<Self> {
        let stored = records.iter().filter_map(|record| match erased.find(record.person_ids()) {
            Some(person) if person.is_deletion => None,
            Some(person) => Some(Self { person_id: Some(person.erased_as.clone()), ..record.clone() }),
            None => Some(record.clone()),
        });
        stored.collect()
    }

    /// Returns the pseudonyms of all identities of the person.
    pub(in crate::store) fn person_ids(&self) -> impl Iterator<Item = &str> {
        self.person_id.iter().chain(&self.other_person_ids).map(String::as_str)
    }

    pub(in crate::store) fn id(&self) -> &'a str {
        self.record.session.provider_session_id.as_str()
    }

    pub(in crate::store) fn person(&self) -> Option<(&str, &str)> {
        Some((self.person_id.as_deref()?, self.record.session.identities.first()?.identity_kind))
    }
}
