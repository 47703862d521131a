//! A feed of records given to the letter, for tests.
//!
//! What a provider must never send is written down here word for word: records, participants, files,
//! reports. All of it can be changed between two requests. Knows no meaning of what it holds.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Entry, Feed, File, FileKind, FileRequest, FileState, Launch, Report};

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

/// A file given to the letter. Which form was asked for makes no difference to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FixedFile {
    /// There is none (404).
    #[default]
    Absent,
    /// The call is answered without a link.
    NoLink,
    /// There is one.
    Content {
        /// Its bytes; none at all is possible.
        bytes: Vec<u8>,
        /// Absent before this instant.
        ready_from: Option<DateTime<Utc>>,
    },
}

impl FixedFile {
    /// A file that is there from the beginning.
    pub fn ready(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Content { bytes: bytes.into(), ready_from: None }
    }

    /// A file that is there from `ready_from` on.
    pub fn ready_from(ready_from: DateTime<Utc>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Content { bytes: bytes.into(), ready_from: Some(ready_from) }
    }
}

/// What a session holds besides its record, to the letter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depth {
    /// Records of the participants' list, each put into answers unread, in this order.
    pub participants: Vec<String>,
    /// The chat file.
    pub chat: FixedFile,
    /// The transcript.
    pub transcript: FixedFile,
    /// The summary.
    pub summary: FixedFile,
    /// What `POST …/summary` turns the summary into; without it the call is refused, as without a
    /// transcript.
    pub summary_on_request: Option<FixedFile>,
    /// By peer id, the `data` of the report's answer. A peer that is not named is 404.
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

/// Records given to the letter. They are there at every instant, and change only by these calls, which
/// any thread may make between two pages.
#[derive(Debug, Default)]
pub struct FixedFeed(Mutex<Held>);

impl FixedFeed {
    /// A feed of these records. Of equal creation times the order given holds.
    pub fn new(records: impl IntoIterator<Item = FixedRecord>) -> Self {
        Self(Mutex::new(Held { records: records.into_iter().enumerate().collect(), depths: BTreeMap::new() }))
    }

    /// The same feed, with this behind the session of that id. A session with nothing behind it has an
    /// empty list of participants and no files.
    #[must_use]
    pub fn with_depth(self, id: &str, depth: Depth) -> Self {
        self.set_depth(id, depth);
        self
    }

    /// Puts this behind the session of that id.
    pub fn set_depth(&self, id: &str, depth: Depth) {
        self.held().depths.insert(id.to_owned(), depth);
    }

    /// Changes what is behind the session of that id; it begins as nothing.
    pub fn edit_depth(&self, id: &str, edit: impl FnOnce(&mut Depth)) {
        edit(self.held().depths.entry(id.to_owned()).or_default());
    }

    /// Adds a record.
    pub fn insert(&self, record: FixedRecord) {
        let records = &mut self.held().records;
        let key = records.last_key_value().map_or(0, |(key, _)| key + 1);
        records.insert(key, record);
    }

    /// Puts `record` in the place of the first one of its id; `false` where there is none.
    pub fn replace(&self, record: FixedRecord) -> bool {
        let records = &mut self.held().records;
        let found = records.values_mut().find(|held| held.id == record.id);
        found.map(|held| *held = record).is_some()
    }

    /// The first record of that id.
    pub fn get(&self, id: &str) -> Option<FixedRecord> {
        self.held().records.values().find(|held| held.id == id).cloned()
    }

    /// Removes all records of that id; `false` where there is none.
    pub fn remove(&self, id: &str) -> bool {
        let records = &mut self.held().records;
        let before = records.len();
        records.retain(|_, held| held.id != id);
        records.len() < before
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.held().records.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.held().records.is_empty()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `read` finds behind the session of that key.
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
