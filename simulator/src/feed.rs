//! The records that a simulated provider lists.
//!
//! A feed returns an index first and single records after that, so that the cost of a page depends on its own records
//! and not on the length of the history. The other content of a session (participants, files, reports) is requested
//! session by session. Feeds do not depend on a provider's paths or envelopes.

use std::fmt::Debug;

use chrono::{DateTime, Utc};

use crate::quirks::Quirks;
use crate::truth::ProviderTruth;

/// A record in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its number within the feed; it never changes.
    pub key: usize,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// Bounds of a time filter, both inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Earliest instant.
    pub from: Option<DateTime<Utc>>,
    /// Latest instant.
    pub to: Option<DateTime<Utc>>,
}

impl Bounds {
    /// Returns whether an instant lies within.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at <= to)
    }
}

/// A file of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Messages written in the session.
    Chat,
    /// Words spoken in the session.
    Transcript,
    /// Summary of the session.
    Summary,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Transcript, Self::Summary];

    /// Returns its name in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Transcript => "transcript",
            Self::Summary => "summary",
        }
    }
}

/// A request for a file of a session: the time of the request and the provider's quirks.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    /// Which file.
    pub kind: FileKind,
    /// Format as the caller wrote it: `CSV`, `JSON`, `SRT`, `VTT`. Applies to transcripts only.
    pub format: &'a str,
    /// Time of the request.
    pub now: DateTime<Utc>,
    /// The provider's quirks.
    pub quirks: &'a Quirks,
}

/// Result of a call for a file's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// No file (404): not ready, never made, or deleted.
    Absent,
    /// An answer without a link.
    NoLink,
    /// A file, which may be empty.
    Ready,
}

/// A file as its host sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Content type that the host sends.
    pub content_type: &'static str,
    /// The content.
    pub bytes: Vec<u8>,
}

/// A report about one presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The exact `data` of the answer.
    Verbatim(String),
    /// The parts of the answer.
    Parts {
        /// The session.
        session_id: String,
        /// The presence as JSON, events included.
        presence: String,
        /// Statistics as JSON; an empty object if there are none.
        statistics: String,
    },
}

/// A session that an API call starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Its id.
    pub id: String,
    /// The avatar it shows.
    pub avatar_id: String,
    /// The voice it uses.
    pub voice_name: Option<String>,
    /// Length of the session after it is connected, seconds.
    pub lasts_seconds: i64,
}

/// The records of one provider, as they are at an instant.
pub trait Feed: Send + Sync + Debug {
    /// Returns everything that exists at `now`, oldest creation first.
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry>;

    /// Returns the entries whose creation is within `bounds`, both ends inclusive. A sorted feed should override
    /// this: otherwise a page of a million records costs as much as all of them.
    fn created_between(&self, bounds: Bounds, now: DateTime<Utc>) -> Vec<Entry> {
        let mut entries = self.index(now);
        entries.retain(|entry| bounds.contains(entry.created_at));
        entries
    }

    /// Returns the key of the record with that id, if it exists at `now`.
    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize>;

    /// Returns the complete record as JSON at `now`; `None` if it has been removed.
    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String>;

    /// Returns the presences in session `key` as JSON, in order of joining; `with_events` adds their events.
    fn presences(&self, _key: usize, _now: DateTime<Utc>, _with_events: bool) -> Vec<String> {
        Vec::new()
    }

    /// Returns the state of a file, as a call for its link finds it.
    fn file_state(&self, _key: usize, _request: FileRequest<'_>) -> FileState {
        FileState::Absent
    }

    /// Returns the file, if [`Feed::file_state`] says that it is ready.
    fn file(&self, _key: usize, _request: FileRequest<'_>) -> Option<File> {
        None
    }

    /// Requests a summary of session `key`; returns `false` if there is no transcript to make it from.
    fn request_summary(&self, _key: usize, _request: FileRequest<'_>) -> bool {
        false
    }

    /// Returns the report about a presence; `None` if the presence is unknown.
    fn report(&self, _peer_id: &str, _now: DateTime<Utc>) -> Option<Report> {
        None
    }

    /// Starts a session; returns `false` if the feed cannot.
    fn start(&self, _launch: &Launch, _now: DateTime<Utc>) -> bool {
        false
    }

    /// Returns the correct totals at `now` for a provider with these quirks, if the feed knows them.
    fn truth_with(&self, _now: DateTime<Utc>, _quirks: &Quirks) -> Option<ProviderTruth> {
        None
    }

    /// Returns the correct totals for a provider with the default quirks.
    fn truth(&self, now: DateTime<Utc>) -> Option<ProviderTruth> {
        self.truth_with(now, &Quirks::default())
    }
}
