//! The fetched parts of one artifact, and the parts of it to store.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ingest::artifact::outcome::Outcome;
use crate::model::artifact::Artifact;
use crate::model::id::ProviderRecordId;
use crate::model::page::{Oddity, Reject};
use crate::model::participant::Participant;
use crate::model::quality::PeerReport;
use crate::model::stream::Stream;
use crate::store::artifact::{Content, Found};

/// All parts of one artifact, over all its calls.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) participants: Vec<Participant>,
    pub(super) reports: Vec<PeerReport>,
    pub(super) file: Option<(Artifact, Option<Vec<u8>>)>,
    pub(super) rejects: Vec<Reject>,
    pub(super) oddities: Vec<Oddity>,
    pub(super) facts: BTreeMap<&'static str, String>,
    pub(super) total: Option<u64>,
    /// Permit to hold more than the usual amount of memory.
    permit: Option<OwnedSemaphorePermit>,
}

/// Returns the outcome for a list that was fetched in part.
pub(super) fn part(detail: &str) -> Outcome {
    Outcome::FoundPart { detail: detail.to_owned() }
}

impl Gathered {
    /// Waits until no other large artifact is in memory, and blocks others until this one is saved.
    pub(super) async fn hold(&mut self, large: &Arc<Semaphore>) {
        if self.permit.is_none() {
            // the semaphore is never closed
            self.permit = Arc::clone(large).acquire_owned().await.ok();
        }
    }

    /// Whether others wait until this one is saved.
    pub(super) fn is_large(&self) -> bool {
        self.permit.is_some()
    }

    /// Returns the approximate number of fetched bytes.
    pub(super) fn bytes(&self) -> usize {
        let rejects: usize = self.rejects.iter().map(|reject| reject.raw.len()).sum();
        self.bodies().iter().map(|(_, body)| body.len()).sum::<usize>() + rejects
    }

    /// Starts reading the list from its beginning.
    pub(super) fn begin_list(&mut self) {
        self.participants.clear();
        self.rejects.clear();
        self.oddities.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.participants.len() + self.rejects.len()
    }

    pub(super) fn judge_list(&self) -> Outcome {
        let count = u64::try_from(self.len()).unwrap_or(u64::MAX);
        match self.total {
            Some(total) if total > count => part(&format!("{count} of {total} participants were received")),
            _ if count == 0 => Outcome::FoundEmpty,
            _ => Outcome::Found,
        }
    }

    /// Returns the parts to store; `None`: none.
    pub(super) fn found(&self, stream: Stream, outcome: &Outcome) -> Option<Found<'_>> {
        if matches!(outcome, Outcome::Failed { .. }) {
            return None;
        }
        match (stream, self.file.as_ref().map(|(artifact, _)| artifact)) {
            (Stream::Participants, _) => {
                let is_whole = matches!(outcome, Outcome::Found | Outcome::FoundEmpty);
                let is_list = is_whole || matches!(outcome, Outcome::FoundPart { .. });
                is_list.then_some(Found::Participants { list: &self.participants, is_whole })
            }
            (Stream::Quality, _) => (!self.reports.is_empty()).then_some(Found::Quality(&self.reports)),
            (_, Some(Artifact::Chat(messages))) => Some(Found::Chat(messages)),
            (_, Some(Artifact::Transcript(transcript))) => Some(Found::Transcript(transcript)),
            (_, Some(Artifact::Summary(summary))) => Some(Found::Summary(summary)),
            _ => None,
        }
    }

    pub(super) fn content<'a>(&'a self, found: Found<'a>) -> Content<'a> {
        Content {
            found,
            raw: self.file.as_ref().and_then(|(_, raw)| raw.as_deref()),
            rejects: &self.rejects,
            oddities: &self.oddities,
            facts: &self.facts,
        }
    }

    /// Returns the bytes of all fetched parts, with the participant each belongs to.
    pub(super) fn bodies(&self) -> Vec<(Option<&ProviderRecordId>, &[u8])> {
        let people = self.participants.iter().map(|one| (Some(&one.provider_participant_id), &one.raw[..]));
        let reports = self.reports.iter().map(|report| (Some(&report.provider_participant_id), &report.raw[..]));
        let file = self.file.as_ref().and_then(|(_, raw)| raw.as_deref());
        people.chain(reports).chain(file.map(|file| (None, file))).collect()
    }
}
