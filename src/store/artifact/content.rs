//! An artifact as it is passed on to be saved, with its hash and its raw records.

use chrono::{DateTime, Utc};

use crate::model::artifact::{Artifact, ArtifactPage};
use crate::model::id::ProviderRecordId;
use crate::model::person::PersonKey;
use crate::model::session::MAPPING_VERSION;
use crate::store::artifact::task::{Task, TaskDecision};
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
    pub content: Option<&'a ArtifactPage>,
    /// The decision about its task.
    pub decision: &'a TaskDecision,
}

/// Hashes the bytes and all else that decides what is stored: the session's times, which offsets and ends depend on.
pub(super) fn hash(content: &ArtifactPage, task: &Task) -> raw::Hash {
    let times = [Some(task.session.started_at), task.session.ended_at];
    let times = times.map(|at| at.map_or(i64::MIN, |at| at.timestamp_micros()).to_be_bytes());
    let version = [MAPPING_VERSION, u8::from(content.is_whole_list)];
    let mut parts: Vec<&[u8]> = vec![&version, &times[0], &times[1]];
    parts.extend(content.raw.as_deref());
    if let Artifact::Participants(list) = &content.artifact {
        let mut records: Vec<&[u8]> = list.iter().map(|participant| &participant.raw[..]).collect();
        records.sort_unstable();
        parts.extend(records);
    }
    parts.extend(content.rejects.iter().map(|reject| &reject.raw[..]));
    raw::hash(&parts)
}

/// Returns the bytes of its records, each under the name of its session.
pub(super) fn raw_records<'a>(content: &'a ArtifactPage, task: &'a Task) -> Vec<RawRecord<'a>> {
    let session = task.session.provider_session_id.as_str();
    let record = |(participant, body): (Option<&ProviderRecordId>, &'a [u8])| RawRecord {
        id: participant.map_or_else(|| session.into(), |id| format!("{session}/{}", id.as_str()).into()),
        body,
        hash: raw::hash(&[body]),
        is_partial: false,
    };
    content.bodies().map(record).collect()
}
