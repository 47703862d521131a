//! Artifacts: what is fetched for one session at a time, after the session is known.
//!
//! A connector answers one call's worth; the store saves an artifact in one transaction, together with
//! the state of the task that asked for it. "Nothing there" is an answer of its own: it may come later,
//! may never have been made, or may be gone: no single answer says which.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::id::ProviderRecordId;
use crate::model::message::Message;
use crate::model::page::{Cursor, Oddity, Reject};
use crate::model::participant::Participant;
use crate::model::quality::PeerReport;
use crate::model::transcript::{Summary, Transcript};

/// The session an artifact belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// The provider's id.
    pub provider_session_id: ProviderRecordId,
    /// When it began: offsets are counted from here.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None`: it runs, or the provider does not say.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What is asked of a connector.
#[derive(Debug, Clone, Copy)]
pub struct ArtifactRequest<'a> {
    /// Of which session.
    pub session: &'a SessionRef,
    /// Of which presence; only for quality, which is asked for one by one.
    pub participant: Option<&'a ProviderRecordId>,
    /// Where to go on; only for participants, which come in pages. `None`: the first page.
    pub cursor: Option<&'a Cursor>,
    /// A file may be as large as is allowed at all; else only as large as files usually are, so that several fit into
    /// memory at once.
    pub may_be_large: bool,
    /// Our present.
    pub now: DateTime<Utc>,
}

/// What was there.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, boxed in its answer")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Artifact {
    /// A page of participants.
    Participants(Vec<Participant>),
    /// All messages of the session's chat.
    Chat(Vec<Message>),
    /// The transcript.
    Transcript(Transcript),
    /// The summary.
    Summary(Summary),
    /// One participant's report.
    Quality(PeerReport),
}

/// An answer with content. A file that is well-formed and holds nothing is content too: an empty list is
/// known to be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactPage {
    /// What was there.
    pub artifact: Artifact,
    /// The file's bytes as received; `None` where the records carry their own (participants, quality).
    pub raw: Option<Vec<u8>>,
    /// Records that could not be normalized, with their bytes.
    pub rejects: Vec<Reject>,
    /// What was unexpected.
    pub oddities: Vec<Oddity>,
    /// Where the next page begins; `None` once the provider says that the list has ended.
    pub next: Option<Cursor>,
    /// Where the next page would begin, where only the provider's count says that the list has ended.
    pub past_end: Option<Cursor>,
    /// How many records were asked for; 0: it is no list.
    pub page_size: u64,
    /// How many records the provider says there are, over all pages.
    pub total: Option<u64>,
    /// What was learnt about this source.
    pub facts: BTreeMap<&'static str, String>,
}

impl ArtifactPage {
    /// Content with nothing around it.
    pub fn of(artifact: Artifact) -> Self {
        Self {
            artifact,
            raw: None,
            rejects: Vec::new(),
            oddities: Vec::new(),
            next: None,
            past_end: None,
            page_size: 0,
            total: None,
            facts: BTreeMap::new(),
        }
    }
}

/// How nothing was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absence {
    /// The provider does not know of it (404).
    NotFound,
    /// The provider answered without a link.
    NoLink,
    /// The link led to no file, also after it was asked for again.
    LinkDead,
    /// The file had no bytes at all.
    ZeroBytes,
}

impl Absence {
    /// The value in `ingest.artifact_tasks.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NoLink => "no_link",
            Self::LinkDead => "link_dead",
            Self::ZeroBytes => "zero_bytes",
        }
    }
}

/// What is known about an artifact of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArtifactState {
    /// Nothing was found so far; it is still asked for.
    Pending,
    /// It is stored.
    Available,
    /// It was there and holds nothing.
    Empty,
    /// It was asked for while the provider would have kept it, and never was: it is not made for this session.
    NotEnabled,
    /// The provider no longer had it when it could first be read.
    Expired,
    /// It was there and could not be read.
    Failed,
}

impl ArtifactState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Available, Self::Empty, Self::NotEnabled, Self::Expired, Self::Failed];

    /// The value in `ingest.artifact_tasks.state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Empty => "empty",
            Self::NotEnabled => "not_enabled",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What an operator can have tried again: the states of settled tasks, and `incomplete` for content of which a part is
/// missing.
pub const RETRY_STATES: [&str; 5] = ["failed", "expired", "empty", "incomplete", "not_enabled"];
/// Those that mean unless others are named: what was given up.
pub const GIVEN_UP_STATES: [&str; 4] = ["failed", "expired", "empty", "incomplete"];

/// The answer to one request for an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactAnswer {
    /// It is there.
    Content(Box<ArtifactPage>),
    /// It is not, or not yet.
    Absent(Absence),
}
