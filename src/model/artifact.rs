//! Artifacts: data that is fetched for one session at a time, once the session is known.
//!
//! A connector returns the result of one call; the store saves an artifact in one transaction, together with
//! the state of its task. "Nothing there" is a result of its own: the artifact may come later, may never have
//! been made, or may be gone. No single response shows which.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::field::FieldPresence;
use crate::model::id::ProviderRecordId;
use crate::model::message::Message;
use crate::model::page::{Cursor, DriftItem, More, Reject};
use crate::model::participant::Participant;
use crate::model::quality::PeerReport;
use crate::model::session::{EARLIEST_START, is_possible_time};
use crate::model::stream::Stream;
use crate::model::transcript::{Summary, Transcript};

/// The session of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// The provider's id.
    pub provider_session_id: ProviderRecordId,
    /// Start of the session, from which offsets count.
    pub started_at: DateTime<Utc>,
    /// End of the session; `None`: it is running, or the provider does not state it.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A request to a connector.
#[derive(Debug, Clone, Copy)]
pub struct ArtifactRequest<'a> {
    /// The session.
    pub session: &'a SessionRef,
    /// The presence; only for quality, which is requested for each presence.
    pub participant: Option<&'a ProviderRecordId>,
    /// Start of the page; only for participants, which come in pages. `None`: the first page.
    pub cursor: Option<&'a Cursor>,
    /// Allows a file up to the hard limit; otherwise a file must have a usual size, so that several fit into
    /// memory at once.
    pub may_be_large: bool,
    /// Our current time.
    pub now: DateTime<Utc>,
}

/// The content of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Artifact {
    /// Participants.
    Participants(Vec<Participant>),
    /// All messages of the session's chat.
    Chat(Vec<Message>),
    /// The transcript.
    Transcript(Transcript),
    /// The summary.
    Summary(Summary),
    /// Reports, each about one participant.
    Quality(Vec<PeerReport>),
}

impl Artifact {
    /// Returns the stream it belongs to.
    pub fn stream(&self) -> Stream {
        match self {
            Self::Participants(_) => Stream::Participants,
            Self::Chat(_) => Stream::Chat,
            Self::Transcript(_) => Stream::Transcript,
            Self::Summary(_) => Stream::Summary,
            Self::Quality(_) => Stream::Quality,
        }
    }

    /// Returns the number of its entries.
    pub fn len(&self) -> usize {
        match self {
            Self::Participants(list) => list.len(),
            Self::Chat(messages) => messages.len(),
            Self::Transcript(transcript) => transcript.segments.len(),
            Self::Summary(_) => 1,
            Self::Quality(reports) => reports.len(),
        }
    }

    /// Returns whether it says nothing: it has no entry, no text, or only reports without statistics.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Summary(summary) => summary.body.trim().is_empty(),
            Self::Quality(reports) => reports.iter().all(|report| report.quality.is_none()),
            _ => self.len() == 0,
        }
    }
}

/// A response with content, or all responses about one artifact taken together: the unit that is saved. A well-formed
/// file without entries is content too: an empty list is known to be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactPage {
    /// Content.
    pub artifact: Artifact,
    /// The file's bytes as received; `None` where the records carry their own (participants, quality).
    pub raw: Option<Vec<u8>>,
    /// Records that could not be normalized, with their bytes.
    pub rejects: Vec<Reject>,
    /// Documented fields of a file: those that any of its rows has. Participants and reports state their own.
    pub fields: FieldPresence,
    /// Unexpected fields and values.
    pub drift: Vec<DriftItem>,
    /// Start of the next page; `None` once the provider says that the list has ended.
    pub next: Option<Cursor>,
    /// Start of the next page, where only the provider's count says that the list has ended.
    pub past_end: Option<Cursor>,
    /// Whether the provider itself says that the list goes on.
    pub more: More,
    /// Number of requested records; 0: the content is not a list.
    pub page_size: u64,
    /// Total number of records by the provider, over all pages.
    pub total: Option<u64>,
    /// Facts learnt about this source.
    pub facts: BTreeMap<&'static str, String>,
    /// Whether nothing shows that the file ends here: neither HTTP nor its format.
    pub is_end_open: bool,
    /// Whether these are all participants of the session, so that stored ones that are not among them are gone. The
    /// caller sets it, not the connector.
    pub is_whole_list: bool,
}

impl ArtifactPage {
    /// Creates a page of content without anything else.
    pub fn of(artifact: Artifact) -> Self {
        Self {
            artifact,
            raw: None,
            rejects: Vec::new(),
            fields: FieldPresence::default(),
            drift: Vec::new(),
            next: None,
            past_end: None,
            more: More::Unsaid,
            page_size: 0,
            total: None,
            facts: BTreeMap::new(),
            is_end_open: false,
            is_whole_list: false,
        }
    }

    /// Adds the records of a further response about the same artifact.
    pub fn add(&mut self, page: Self) {
        match (&mut self.artifact, page.artifact) {
            (Artifact::Participants(list), Artifact::Participants(more)) => list.extend(more),
            (Artifact::Quality(reports), Artifact::Quality(more)) => reports.extend(more),
            (file, other) => (*file, self.raw) = (other, page.raw),
        }
        self.rejects.extend(page.rejects);
        self.drift.extend(page.drift);
        self.facts.extend(page.facts);
    }

    /// Leaves out times of presences and messages that are in the future of their own fetch, and presences long before
    /// their session, and counts them.
    pub fn leave_out_impossible_times(&mut self, request: &ArtifactRequest<'_>) {
        // our own clock may be slow
        let fetched_at = request.session.ended_at.map_or(request.now, |ended_at| ended_at.max(request.now));
        let mut paths = Vec::new();
        let mut leave_out = |at: &mut Option<DateTime<Utc>>, earliest: Option<DateTime<Utc>>, path| {
            let is_impossible = |at: &mut DateTime<Utc>| !is_possible_time(*at, fetched_at) || Some(*at) < earliest;
            paths.extend(at.take_if(is_impossible).map(|_| path));
        };
        let earliest = Some(request.session.started_at - EARLIEST_START);
        match &mut self.artifact {
            Artifact::Participants(list) => {
                for one in list {
                    leave_out(&mut one.joined_at, earliest, "/joined_at");
                    leave_out(&mut one.left_at, earliest, "/left_at");
                }
            }
            Artifact::Chat(messages) => {
                for one in messages {
                    leave_out(&mut one.sent_at, None, "/createdAt");
                }
            }
            Artifact::Transcript(_) | Artifact::Summary(_) | Artifact::Quality(_) => {}
        }
        paths.sort_unstable();
        paths.dedup();
        let item =
            |path: &str| DriftItem { kind: "unreadable_value", path: path.to_owned(), value: "impossible".to_owned() };
        self.drift.extend(paths.into_iter().map(item));
    }

    /// Returns the documented fields of each record: of the participants, the reports, or the file.
    pub fn presences(&self) -> impl Iterator<Item = &FieldPresence> {
        let (list, reports) = self.records();
        let list = list.iter().map(|one| &one.fields).chain(reports.iter().map(|report| &report.fields));
        list.chain([&self.fields])
    }

    /// Returns the received bytes: of each record with the participant it belongs to, or of the file.
    pub fn bodies(&self) -> impl Iterator<Item = (Option<&ProviderRecordId>, &[u8])> {
        let (list, reports) = self.records();
        let list = list.iter().map(|one| (Some(&one.provider_participant_id), &one.raw[..]));
        let reports = reports.iter().map(|report| (Some(&report.provider_participant_id), &report.raw[..]));
        list.chain(reports).chain(self.raw.as_deref().map(|file| (None, file)))
    }

    /// Returns its participants or reports; a file has none.
    fn records(&self) -> (&[Participant], &[PeerReport]) {
        match &self.artifact {
            Artifact::Participants(list) => (list, &[]),
            Artifact::Quality(reports) => (&[], reports),
            Artifact::Chat(_) | Artifact::Transcript(_) | Artifact::Summary(_) => (&[], &[]),
        }
    }
}

/// The way in which nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absence {
    /// The provider does not know the artifact (404).
    NotFound,
    /// The provider returned no link.
    NoLink,
    /// The link led to no file, even after a new link was requested.
    LinkDead,
    /// The file had no bytes at all.
    ZeroBytes,
}

impl Absence {
    /// Returns the value in `ingest.artifact_tasks.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NoLink => "no_link",
            Self::LinkDead => "link_dead",
            Self::ZeroBytes => "zero_bytes",
        }
    }
}

/// The state of an artifact of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArtifactState {
    /// Nothing was found so far; it is requested again.
    Pending,
    /// It is stored.
    Available,
    /// It was found and has no content.
    Empty,
    /// It was never found during the provider's retention time: it is not made for this session.
    NotEnabled,
    /// The provider no longer had it when it could first be read.
    Expired,
    /// It was found and could not be read.
    Failed,
}

impl ArtifactState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Available, Self::Empty, Self::NotEnabled, Self::Expired, Self::Failed];

    /// Returns the value in `ingest.artifact_tasks.state`.
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

    /// Returns the state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The states that an operator can retry: those of settled tasks, and `incomplete` for content with a missing part.
pub const RETRY_STATES: [&str; 5] = ["failed", "expired", "empty", "incomplete", "not_enabled"];
/// The default states of a retry: tasks that were given up.
pub const GIVEN_UP_STATES: [&str; 4] = ["failed", "expired", "empty", "incomplete"];

/// The result of one request for an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactAnswer {
    /// The artifact was found.
    Content(Box<ArtifactPage>),
    /// The artifact was not found, or not yet.
    Absent(Absence),
}
