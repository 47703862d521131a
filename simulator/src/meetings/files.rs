//! Availability of a meeting's files, and the feed of all meetings.
//!
//! Files become available some time after the end of a meeting and disappear a week after it. Some are never made,
//! some have no link, some are empty; a summary that was not made can be requested. Only such requests are stored;
//! the rest is computed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rust_decimal::Decimal;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Meeting, Transcription, minutes};
use crate::distributions::seeded;
use crate::feed::{Bounds, Entry, Feed, File, FileKind, FileRequest, FileState, Report};
use crate::quirks::Quirks;
use crate::timeline::{Session, Timeline};
use crate::truth::ProviderTruth;

/// How long files are kept after the end.
const KEPT: TimeDelta = TimeDelta::days(7);
/// How long a requested summary takes.
const SUMMARY_TAKES: TimeDelta = TimeDelta::seconds(90);
const MARKDOWN_SHARE: f64 = 0.8;

/// The planned outcome of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Never,
    NoLink,
    ZeroBytes,
    Content,
}

/// The plans of all three files, and how long after the end they are made.
#[derive(Debug)]
struct Plans {
    chat: Plan,
    transcript: Plan,
    summary: Plan,
    ready_after: TimeDelta,
    is_markdown: bool,
}

impl Meeting {
    fn plans(&self) -> Plans {
        let rng = &mut seeded(&["files", &self.id]);
        let was_silent = self.stays.iter().all(|stay| stay.joined_ms == stay.left_ms);
        let chat = match rng.random_range(0..20) {
            0 | 1 => Plan::Never,
            2 => Plan::ZeroBytes,
            _ => Plan::Content,
        };
        let transcript = match (self.room.transcription, rng.random_range(0..12)) {
            (Transcription::OffNotFound, _) => Plan::Never,
            (Transcription::OffNoLink, _) => Plan::NoLink,
            (Transcription::On, 0) => Plan::ZeroBytes,
            (Transcription::On, _) if was_silent => Plan::ZeroBytes,
            (Transcription::On, _) => Plan::Content,
        };
        let is_summarized = rng.random_bool(0.7) && transcript == Plan::Content;
        let seconds = if rng.random_bool(0.95) { 60..1_200 } else { 1_200..7_200 };
        Plans {
            chat,
            transcript,
            summary: if is_summarized { Plan::Content } else { Plan::Never },
            ready_after: TimeDelta::seconds(rng.random_range(seconds)),
            is_markdown: rng.random_bool(MARKDOWN_SHARE),
        }
    }

    fn ended_at(&self) -> DateTime<Utc> {
        self.after_creation(self.ended_ms)
    }

    /// Returns when the files were made; `None` if they are not yet.
    fn made_at(&self, plans: &Plans, request: FileRequest<'_>) -> Option<DateTime<Utc>> {
        let made_at = self.ended_at() + request.quirks.files_ready_after.unwrap_or(plans.ready_after);
        Some(made_at).filter(|made_at| *made_at <= request.now)
    }

    /// Returns the state of a file. `asked_at` is when a summary was requested.
    fn find_file(&self, request: FileRequest<'_>, asked_at: Option<DateTime<Utc>>) -> (FileState, Plan) {
        let absent = (FileState::Absent, Plan::Never);
        if request.now >= self.ended_at() + KEPT {
            return absent;
        }
        let plans = self.plans();
        let plan = match request.kind {
            FileKind::Chat => plans.chat,
            FileKind::Transcript => plans.transcript,
            FileKind::Summary if asked_at.is_some_and(|at| at + SUMMARY_TAKES <= request.now) => Plan::Content,
            FileKind::Summary => plans.summary,
        };
        match plan {
            _ if self.made_at(&plans, request).is_none() => absent,
            Plan::Never => absent,
            Plan::NoLink => (FileState::NoLink, plan),
            Plan::ZeroBytes | Plan::Content => (FileState::Ready, plan),
        }
    }

    fn is_replaced(&self, request: FileRequest<'_>) -> bool {
        let made_at = self.made_at(&self.plans(), request);
        let after = request.quirks.transcript_replaced_after;
        made_at.zip(after).is_some_and(|(made_at, after)| made_at + after <= request.now)
    }

    fn content(&self, request: FileRequest<'_>) -> File {
        match request.kind {
            FileKind::Chat => self.chat_file(&self.lines(), request),
            FileKind::Transcript => self.transcript_file(&self.segments(self.is_replaced(request)), request),
            FileKind::Summary => {
                let is_markdown = self.plans().is_markdown;
                let content_type = if is_markdown { "text/markdown" } else { "text/plain" };
                File { content_type, bytes: self.summary(is_markdown).into_bytes() }
            }
        }
    }
}

/// All meetings of a world, and the summaries requested since.
#[derive(Debug)]
pub(crate) struct Meetings {
    timeline: Timeline<Meeting>,
    /// Time of the first request, by key of the meeting.
    asked: Mutex<BTreeMap<usize, DateTime<Utc>>>,
}

impl Meetings {
    /// Creates a feed without requested summaries.
    pub(crate) fn new(meetings: Vec<Meeting>) -> Self {
        Self { timeline: Timeline(meetings), asked: Mutex::default() }
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<usize, DateTime<Utc>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find_file(&self, key: usize, request: FileRequest<'_>) -> (FileState, Plan) {
        let asked_at = self.asked().get(&key).copied();
        let found = self.timeline.0.get(key).map(|meeting| meeting.find_file(request, asked_at));
        found.unwrap_or((FileState::Absent, Plan::Never))
    }
}

impl Feed for Meetings {
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry> {
        self.timeline.index(now)
    }

    fn created_between(&self, bounds: Bounds, now: DateTime<Utc>) -> Vec<Entry> {
        self.timeline.created_between(bounds, now)
    }

    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize> {
        self.timeline.find(id, now)
    }

    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String> {
        self.timeline.render(key, now)
    }

    fn presences(&self, key: usize, now: DateTime<Utc>, with_events: bool) -> Vec<String> {
        let Some(meeting) = self.timeline.0.get(key) else { return Vec::new() };
        meeting.begun(now).map(|(number, stay)| meeting.presence(number, stay, now, with_events)).collect()
    }

    fn file_state(&self, key: usize, request: FileRequest<'_>) -> FileState {
        self.find_file(key, request).0
    }

    fn file(&self, key: usize, request: FileRequest<'_>) -> Option<File> {
        let meeting = self.timeline.0.get(key)?;
        match self.find_file(key, request) {
            (FileState::Ready, Plan::ZeroBytes) => Some(File { bytes: Vec::new(), ..meeting.content(request) }),
            (FileState::Ready, _) => Some(meeting.content(request)),
            _ => None,
        }
    }

    fn request_summary(&self, key: usize, request: FileRequest<'_>) -> bool {
        let transcript = self.find_file(key, FileRequest { kind: FileKind::Transcript, ..request });
        if transcript != (FileState::Ready, Plan::Content) {
            return false;
        }
        self.asked().entry(key).or_insert(request.now);
        true
    }

    fn report(&self, peer_id: &str, now: DateTime<Utc>) -> Option<Report> {
        let found = |meeting: &&Meeting| meeting.presence_of(peer_id).is_some();
        let meeting = self.timeline.existing(now).iter().find(found)?;
        let number = meeting.presence_of(peer_id)?;
        let (_, stay) = meeting.begun(now).nth(number)?;
        Some(Report::Parts {
            session_id: meeting.id.clone(),
            presence: meeting.presence(number, stay, now, true),
            statistics: meeting.statistics(number, stay, now),
        })
    }

    fn truth_with(&self, now: DateTime<Utc>, quirks: &Quirks) -> Option<ProviderTruth> {
        let meetings = self.timeline.existing(now);
        let (mut participants, mut participant_minutes) = (0, Decimal::ZERO);
        let (mut chat_messages, mut transcripts, mut segments, mut words, mut summaries) = (0, 0, 0, 0, 0);
        for (key, meeting) in meetings.iter().enumerate() {
            for (_, stay) in meeting.begun(now) {
                participants += 1;
                let stayed = meeting.left_at(stay, now).map(|_| minutes(stay.left_ms - stay.joined_ms));
                participant_minutes += stayed.unwrap_or_default();
            }
            let can_be_had = |kind| {
                let request = FileRequest { kind, format: "", now, quirks };
                self.find_file(key, request) == (FileState::Ready, Plan::Content)
            };
            if can_be_had(FileKind::Chat) {
                chat_messages += meeting.lines().len() as u64;
            }
            if can_be_had(FileKind::Transcript) {
                let request = FileRequest { kind: FileKind::Transcript, format: "", now, quirks };
                let said = meeting.segments(meeting.is_replaced(request));
                transcripts += 1;
                segments += said.len() as u64;
                words += said.iter().map(|segment| segment.text.unicode_words().count() as u64).sum::<u64>();
            }
            summaries += u64::from(can_be_had(FileKind::Summary));
        }
        Some(ProviderTruth {
            participants: Some(participants),
            participant_minutes: Some(participant_minutes),
            chat_messages: Some(chat_messages),
            transcripts: Some(transcripts),
            transcript_segments: Some(segments),
            transcript_words: Some(words),
            summaries: Some(summaries),
            ..Meeting::truth(meetings.iter(), now)
        })
    }
}
