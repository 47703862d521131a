//! What a simulated provider lists.
//!
//! A feed is asked for an index first and for single records after that, so that a page costs as much as
//! its own records and not as much as the history. [`FixedFeed`] holds records to the letter, whatever
//! they are: tests put into it what no honest provider would send. Knows no provider.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::demo::simulator::world::ProviderTruth;

/// A record as the index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its number within the feed; it never changes.
    pub key: usize,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// Records of one provider, as they are at an instant.
pub trait Feed: Send + Sync + Debug {
    /// Everything that is there at `now`, oldest creation first.
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry>;

    /// The record of that id, if it is there at `now`.
    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize>;

    /// The record as JSON at `now`, all parts included; `None` where it was removed meanwhile.
    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String>;

    /// The figures a perfect reader would have at `now`, where the feed knows them.
    fn truth(&self, now: DateTime<Utc>) -> Option<ProviderTruth> {
        let _ = now;
        None
    }
}

/// A record given to the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedRecord {
    /// By what [`FixedFeed::replace`], [`FixedFeed::remove`] and the detail call find it. The JSON may
    /// say something else, and several records may share it.
    pub id: String,
    /// What time filters and sorting go by.
    pub created_at: DateTime<Utc>,
    /// What filters by change go by.
    pub updated_at: DateTime<Utc>,
    /// The record. It is put into answers unread: it need not be an object, nor JSON.
    pub json: String,
}

/// Records given to the letter. They are there at every instant, and change only by these calls, which
/// any thread may make between two pages.
#[derive(Debug, Default)]
pub struct FixedFeed(Mutex<BTreeMap<usize, FixedRecord>>);

impl FixedFeed {
    /// A feed of these records. Of equal creation times the order given holds.
    pub fn new(records: impl IntoIterator<Item = FixedRecord>) -> Self {
        Self(Mutex::new(records.into_iter().enumerate().collect()))
    }

    /// Adds a record.
    pub fn insert(&self, record: FixedRecord) {
        let mut records = self.records();
        let key = records.last_key_value().map_or(0, |(key, _)| key + 1);
        records.insert(key, record);
    }

    /// Puts `record` in the place of the first one of its id; `false` where there is none.
    pub fn replace(&self, record: FixedRecord) -> bool {
        let mut records = self.records();
        let found = records.values_mut().find(|held| held.id == record.id);
        found.map(|held| *held = record).is_some()
    }

    /// Removes all records of that id; `false` where there is none.
    pub fn remove(&self, id: &str) -> bool {
        let mut records = self.records();
        let before = records.len();
        records.retain(|_, held| held.id != id);
        records.len() < before
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records().len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.records().is_empty()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<usize, FixedRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed for FixedFeed {
    fn index(&self, _: DateTime<Utc>) -> Vec<Entry> {
        let records = self.records();
        let mut entries: Vec<Entry> = records
            .iter()
            .map(|(key, held)| Entry { key: *key, created_at: held.created_at, updated_at: held.updated_at })
            .collect();
        entries.sort_by_key(|entry| entry.created_at);
        entries
    }

    fn find(&self, id: &str, _: DateTime<Utc>) -> Option<usize> {
        self.records().iter().find(|(_, held)| held.id == id).map(|(key, _)| *key)
    }

    fn render(&self, key: usize, _: DateTime<Utc>) -> Option<String> {
        self.records().get(&key).map(|held| held.json.clone())
    }
}
