//! What a simulated provider lists.
//!
//! A feed is asked for an index first and for single records after that, so that a page costs as much as
//! its own records and not as much as the history. What a session holds besides its record (participants,
//! files, reports) is asked for session by session. [`FixedFeed`] holds all of it to the letter, whatever
//! it is: tests put into it what no honest provider would send. Knows no provider's paths or envelopes.

mod fixed;

use std::fmt::Debug;

use chrono::{DateTime, Utc};

pub use self::fixed::{Depth, FixedFeed, FixedFile, FixedRecord};
use crate::demo::simulator::quirks::Quirks;
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

/// Bounds of a time filter, both inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing before.
    pub from: Option<DateTime<Utc>>,
    /// Nothing after.
    pub to: Option<DateTime<Utc>>,
}

impl Bounds {
    /// Whether an instant lies within.
    pub fn hold(&self, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at <= to)
    }
}

/// Which file of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// What was written.
    Chat,
    /// What was said.
    Transcript,
    /// What it was about.
    Summary,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Transcript, Self::Summary];

    /// Its name in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Transcript => "transcript",
            Self::Summary => "summary",
        }
    }
}

/// What is asked of a session's files, and when, and of a provider with which habits.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    /// Which file.
    pub kind: FileKind,
    /// In which form, as the caller wrote it: `CSV`, `JSON`, `SRT`, `VTT`. Matters to transcripts.
    pub format: &'a str,
    /// The present.
    pub now: DateTime<Utc>,
    /// The habits.
    pub quirks: &'a Quirks,
}

/// What a call for a file's link finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Nothing (404): not ready, never made, or gone.
    Absent,
    /// An answer without a link.
    NoLink,
    /// A file, which may be empty.
    Ready,
}

/// A file as its host sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What the host calls it.
    pub content_type: &'static str,
    /// The content.
    pub bytes: Vec<u8>,
}

/// A report about one presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The answer's `data` to the letter.
    Verbatim(String),
    /// What the answer is made of.
    Parts {
        /// The session.
        session_id: String,
        /// The presence as JSON, events included.
        presence: String,
        /// Statistics as JSON; an empty object where there are none.
        statistics: String,
    },
}

/// A session somebody starts by a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Its id.
    pub id: String,
    /// Whom it shows.
    pub avatar_id: String,
    /// With which voice.
    pub voice_name: Option<String>,
    /// How long it lasts once it is connected, seconds.
    pub lasts_seconds: i64,
}

/// Records of one provider, as they are at an instant.
pub trait Feed: Send + Sync + Debug {
    /// Everything that is there at `now`, oldest creation first.
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry>;

    /// The same within bounds on the creation, both inclusive. A feed that is sorted need not look at the rest: with a
    /// million records a page would otherwise cost as much as all of them.
    fn created_between(&self, bounds: Bounds, now: DateTime<Utc>) -> Vec<Entry> {
        let mut entries = self.index(now);
        entries.retain(|entry| bounds.hold(entry.created_at));
        entries
    }

    /// The record of that id, if it is there at `now`.
    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize>;

    /// The record as JSON at `now`, all parts included; `None` where it was removed meanwhile.
    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String>;

    /// The presences in session `key` as JSON, the first to join first; `with_events` adds their events.
    fn presences(&self, key: usize, now: DateTime<Utc>, with_events: bool) -> Vec<String> {
        let _ = (key, now, with_events);
        Vec::new()
    }

    /// What a call for a file's link finds.
    fn file_state(&self, key: usize, request: FileRequest<'_>) -> FileState {
        let _ = (key, request);
        FileState::Absent
    }

    /// The file, where [`Feed::file_state`] says that it is ready.
    fn file(&self, key: usize, request: FileRequest<'_>) -> Option<File> {
        let _ = (key, request);
        None
    }

    /// Asks for a summary of session `key` to be made; `false` where there is no transcript to make it of.
    fn request_summary(&self, key: usize, request: FileRequest<'_>) -> bool {
        let _ = (key, request);
        false
    }

    /// The report about a presence; `None` where nobody knows it.
    fn report(&self, peer_id: &str, now: DateTime<Utc>) -> Option<Report> {
        let _ = (peer_id, now);
        None
    }

    /// Starts a session; `false` where this cannot be done.
    fn start(&self, launch: &Launch, now: DateTime<Utc>) -> bool {
        let _ = (launch, now);
        false
    }

    /// The figures a perfect reader would have at `now` of a provider with these habits, where the feed
    /// knows them.
    fn truth_with(&self, now: DateTime<Utc>, quirks: &Quirks) -> Option<ProviderTruth> {
        let _ = (now, quirks);
        None
    }

    /// The same of a provider with the usual habits.
    fn truth(&self, now: DateTime<Utc>) -> Option<ProviderTruth> {
        self.truth_with(now, &Quirks::default())
    }
}
