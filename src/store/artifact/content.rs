//! The result of a try, as it is passed on to be saved.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::message::Message;
use crate::model::page::{DriftItem, Reject};
use crate::model::participant::Participant;
use crate::model::person::PersonKey;
use crate::model::quality::PeerReport;
use crate::model::session::MAPPING_VERSION;
use crate::model::transcript::{Summary, Transcript};
use crate::store::artifact::{Task, TaskDecision};
use crate::store::raw::{self, RawRecord};

/// Context of saving an artifact.
#[derive(Debug, Clone, Copy)]
pub struct SaveContext<'a> {
    /// The claimed task.
    pub task: &'a Task,
    /// The pass it belongs to.
    pub run_id: i64,
    /// The slug used for pseudonyms: the first one of the source.
    pub source_slug: &'a str,
    /// Key that turns people into pseudonyms.
    pub person_key: &'a PersonKey,
    /// The present.
    pub now: DateTime<Utc>,
}

/// One of the tries that are saved together.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The context of saving it.
    pub context: SaveContext<'a>,
    /// Its content; `None`: nothing to store.
    pub content: Option<Content<'a>>,
    /// The decision about its task.
    pub decision: &'a TaskDecision,
}

/// A found artifact.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// Participants; where the list is whole, those not in it are gone.
    Participants {
        /// The participants.
        list: &'a [Participant],
        /// Whether the provider's count is met, so that none is missing.
        is_whole: bool,
    },
    /// The chat.
    Chat(&'a [Message]),
    /// The transcript.
    Transcript(&'a Transcript),
    /// The summary.
    Summary(&'a Summary),
    /// Reports on some participants.
    Quality(&'a [PeerReport]),
}

/// An artifact with all data to save.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The artifact.
    pub found: Found<'a>,
    /// The file as received, where it is one.
    pub raw: Option<&'a [u8]>,
    /// Records in it that could not be normalized.
    pub rejects: &'a [Reject],
    /// Unknown fields and values.
    pub drift: &'a [DriftItem],
    /// Facts learnt about the source.
    pub facts: &'a BTreeMap<&'static str, String>,
}

impl Content<'_> {
    pub(super) fn len(&self) -> usize {
        match self.found {
            Found::Participants { list, .. } => list.len(),
            Found::Chat(messages) => messages.len(),
            Found::Transcript(transcript) => transcript.segments.len(),
            Found::Summary(_) => 1,
            Found::Quality(reports) => reports.len(),
        }
    }

    /// Hashes the bytes and all else that decides what is stored: the session's times, which offsets and ends depend
    /// on.
    pub(super) fn hash(&self, task: &Task) -> raw::Hash {
        let times = [Some(task.session.started_at), task.session.ended_at];
        let times = times.map(|at| at.map_or(i64::MIN, |at| at.timestamp_micros()).to_be_bytes());
        let is_whole = u8::from(matches!(self.found, Found::Participants { is_whole: true, .. }));
        let version = [MAPPING_VERSION, is_whole];
        let mut parts: Vec<&[u8]> = vec![&version, &times[0], &times[1]];
        parts.extend(self.raw);
        if let Found::Participants { list, .. } = self.found {
            let mut records: Vec<&[u8]> = list.iter().map(|participant| &participant.raw[..]).collect();
            records.sort_unstable();
            parts.extend(records);
        }
        parts.extend(self.rejects.iter().map(|reject| &reject.raw[..]));
        raw::hash(&parts)
    }
}

impl<'a> Content<'a> {
    /// Returns the bytes of its records, each under the name of its session.
    pub(super) fn raw_records(&self, task: &'a Task) -> Vec<RawRecord<'a>> {
        let session = task.session.provider_session_id.as_str();
        let of = |id: &str, body: &'a [u8]| RawRecord {
            id: format!("{session}/{id}").into(),
            body,
            hash: raw::hash(&[body]),
            is_partial: false,
        };
        let mut records: Vec<RawRecord<'a>> = match self.found {
            Found::Participants { list, .. } => {
                list.iter().map(|one| of(one.provider_participant_id.as_str(), &one.raw)).collect()
            }
            Found::Quality(reports) => {
                reports.iter().map(|one| of(one.provider_participant_id.as_str(), &one.raw)).collect()
            }
            _ => Vec::new(),
        };
        records.extend(self.raw.map(|body| RawRecord {
            id: session.into(),
            body,
            hash: raw::hash(&[body]),
            is_partial: false,
        }));
        records
    }
}
