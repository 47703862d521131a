//! A feed of verbatim records, for tests.
//!
//! Tests put in content that a provider must never send: records, participants, files, reports. All of it can be
//! changed between two requests. The feed does not interpret its content.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::feed::{Entry, Feed, File, FileKind, FileRequest, FileState, Launch, Report};

/// A verbatim record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedRecord {
    /// Id by which [`FixedFeed::replace`], [`FixedFeed::remove`] and the detail call find the record. The JSON may
    /// have another id, and several records may share one.
    pub id: String,
    /// Time that time filters and sorting use.
    pub created_at: DateTime<Utc>,
    /// Time that filters by change use.
    pub updated_at: DateTime<Utc>,
    /// The record. It is put into answers unparsed: it need not be an object, nor JSON.
    pub json: String,
}

/// A verbatim file. The requested format does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FixedFile {
    /// There is no file (404).
    #[default]
    Absent,
    /// The call is answered without a link.
    NoLink,
    /// There is a file.
    Content {
        /// Its bytes; may be empty.
        bytes: Vec<u8>,
        /// Absent before this instant.
        ready_from: Option<DateTime<Utc>>,
    },
}

impl FixedFile {
    /// Returns a file that is available from the beginning.
    pub fn ready(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Content { bytes: bytes.into(), ready_from: None }
    }

    /// Returns a file that is available from `ready_from` on.
    pub fn ready_from(ready_from: DateTime<Utc>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Content { bytes: bytes.into(), ready_from: Some(ready_from) }
    }
}

/// Verbatim content of a session besides its record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depth {
    /// Records of the participants' list, put into answers unparsed, in this order.
    pub participants: Vec<String>,
    /// The chat file.
    pub chat: FixedFile,
    /// The transcript.
    pub transcript: FixedFile,
    /// The summary.
    pub summary: FixedFile,
    /// The summary after `POST …/summary`. `None` refuses the call, as a provider does without a transcript.
    pub summary_on_request: Option<FixedFile>,
    /// The `data` of the report's answer, by peer id. A peer that is not listed is 404.
    pub peer_reports: BTreeMap<String, String>,
}

impl Depth {
    fn file(&self, kind: FileKind) -> &FixedFile {
        match kind {
            FileKind::Chat => &self.chat,
            FileKind::Transcript => &self.transcript,
            FileKind::Summary => &self.summary,
        }
    }
}

#[derive(Debug, Default)]
struct Held {
    records: BTreeMap<usize, FixedRecord>,
    /// By session id.
    depths: BTreeMap<String, Depth>,
}

/// Verbatim records. They exist at every instant, and change only by these calls, which any thread may make between
/// two pages.
#[derive(Debug, Default)]
pub struct FixedFeed(Mutex<Held>);

impl FixedFeed {
    /// Creates a feed of these records. Records of equal creation time keep the given order.
    pub fn new(records: impl IntoIterator<Item = FixedRecord>) -> Self {
        Self(Mutex::new(Held { records: records.into_iter().enumerate().collect(), depths: BTreeMap::new() }))
    }

    /// Returns the feed with `depth` for the session of that id. A session without a depth has an empty list of
    /// participants and no files.
    #[must_use]
    pub fn with_depth(self, id: &str, depth: Depth) -> Self {
        self.set_depth(id, depth);
        self
    }

    /// Sets the content of the session of that id.
    pub fn set_depth(&self, id: &str, depth: Depth) {
        self.held().depths.insert(id.to_owned(), depth);
    }

    /// Changes the content of the session of that id, which starts empty.
    pub fn edit_depth(&self, id: &str, edit: impl FnOnce(&mut Depth)) {
        edit(self.held().depths.entry(id.to_owned()).or_default());
    }

    /// Adds a record.
    pub fn insert(&self, record: FixedRecord) {
        let records = &mut self.held().records;
        let key = records.last_key_value().map_or(0, |(key, _)| key + 1);
        records.insert(key, record);
    }

    /// Replaces the first record of the same id; returns `false` if there is none.
    pub fn replace(&self, record: FixedRecord) -> bool {
        let records = &mut self.held().records;
        let found = records.values_mut().find(|held| held.id == record.id);
        found.map(|held| *held = record).is_some()
    }

    /// Returns the first record of that id.
    pub fn get(&self, id: &str) -> Option<FixedRecord> {
        self.held().records.values().find(|held| held.id == id).cloned()
    }

    /// Removes all records of that id; returns `false` if there is none.
    pub fn remove(&self, id: &str) -> bool {
        let records = &mut self.held().records;
        let before = records.len();
        records.retain(|_, held| held.id != id);
        records.len() < before
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.held().records.len()
    }

    /// Returns whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.held().records.is_empty()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the result of `read` on the content of the session with that key.
    fn behind<T>(&self, key: usize, read: impl FnOnce(&mut Depth) -> T) -> Option<T> {
        let mut held = self.held();
        let id = held.records.get(&key)?.id.clone();
        held.depths.get_mut(&id).map(read)
    }
}

impl Feed for FixedFeed {
    fn index(&self, _: DateTime<Utc>) -> Vec<Entry> {
        let held = self.held();
        let entry = |(key, held): (&usize, &FixedRecord)| Entry {
            key: *key,
            created_at: held.created_at,
            updated_at: held.updated_at,
        };
        let mut entries: Vec<Entry> = held.records.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.created_at);
        entries
    }

    fn find(&self, id: &str, _: DateTime<Utc>) -> Option<usize> {
        self.held().records.iter().find(|(_, held)| held.id == id).map(|(key, _)| *key)
    }

    fn render(&self, key: usize, _: DateTime<Utc>) -> Option<String> {
        self.held().records.get(&key).map(|held| held.json.clone())
    }

    fn presences(&self, key: usize, _: DateTime<Utc>, _: bool) -> Vec<String> {
        self.behind(key, |depth| depth.participants.clone()).unwrap_or_default()
    }

    fn file_state(&self, key: usize, request: FileRequest<'_>) -> FileState {
        let state = |depth: &mut Depth| match depth.file(request.kind) {
            FixedFile::NoLink => FileState::NoLink,
            FixedFile::Content { ready_from, .. } if ready_from.is_none_or(|from| from <= request.now) => {
                FileState::Ready
            }
            FixedFile::Absent | FixedFile::Content { .. } => FileState::Absent,
        };
        self.behind(key, state).unwrap_or(FileState::Absent)
    }

    fn file(&self, key: usize, request: FileRequest<'_>) -> Option<File> {
        self.behind(key, |depth| match depth.file(request.kind) {
            FixedFile::Content { bytes, .. } => {
                Some(File { content_type: "application/octet-stream", bytes: bytes.clone() })
            }
            FixedFile::Absent | FixedFile::NoLink => None,
        })?
    }

    fn request_summary(&self, key: usize, _: FileRequest<'_>) -> bool {
        let made = self.behind(key, |depth| depth.summary_on_request.clone().map(|made| depth.summary = made));
        made.flatten().is_some()
    }

    fn report(&self, peer_id: &str, _: DateTime<Utc>) -> Option<Report> {
        self.held().depths.values().find_map(|depth| depth.peer_reports.get(peer_id).cloned().map(Report::Verbatim))
    }

    fn start(&self, launch: &Launch, now: DateTime<Utc>) -> bool {
        let json = json!({
            "session_id": launch.id, "status": "new", "created_at": now.timestamp(), "api_key_type": "TRIAL",
            "duration": 0, "avatar_id": launch.avatar_id, "voice_name": launch.voice_name,
        });
        self.insert(FixedRecord { id: launch.id.clone(), created_at: now, updated_at: now, json: json.to_string() });
        true
    }
}
