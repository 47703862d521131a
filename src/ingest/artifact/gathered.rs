//! What a try has fetched of one artifact, over all its calls.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ingest::artifact::attempt_outcome::AttemptOutcome;
use crate::model::artifact::{Artifact, ArtifactPage};
use crate::model::participant::Participant;

/// The fetched parts of one artifact.
#[derive(Default)]
pub(super) struct Gathered {
    /// All parts; `None`: nothing was received.
    pub(super) content: Option<ArtifactPage>,
    /// Permit to hold more than the usual amount of memory.
    permit: Option<OwnedSemaphorePermit>,
}

/// Returns the outcome for a list that was fetched in part.
pub(super) fn part(detail: &str) -> AttemptOutcome {
    AttemptOutcome::FoundPart { detail: detail.to_owned() }
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

    /// Adds a response.
    pub(super) fn add(&mut self, page: ArtifactPage) {
        match &mut self.content {
            Some(content) => content.add(page),
            none => *none = Some(page),
        }
    }

    /// Starts reading the list from its beginning.
    pub(super) fn begin_list(&mut self) {
        let facts = self.content.take().map(|content| content.facts).unwrap_or_default();
        self.content = Some(ArtifactPage { facts, ..ArtifactPage::of(Artifact::Participants(Vec::new())) });
    }

    /// Puts a participant that is listed again in the place of the version held, in `page` or before it, unless that
    /// one changed later.
    pub(super) fn update(&mut self, again: Participant, page: &mut [Participant]) {
        let before = match self.content.as_mut().map(|content| &mut content.artifact) {
            Some(Artifact::Participants(list)) => &mut list[..],
            _ => &mut [],
        };
        let mut all = page.iter_mut().chain(before);
        let held = all.find(|held| held.provider_participant_id == again.provider_participant_id);
        if let Some(held) = held.filter(|held| held.provider_updated_at <= again.provider_updated_at) {
            *held = again;
        }
    }

    /// Returns the approximate number of fetched bytes.
    pub(super) fn bytes(&self) -> usize {
        let Some(content) = &self.content else { return 0 };
        let rejects: usize = content.rejects.iter().map(|reject| reject.raw.len()).sum();
        content.bodies().map(|(_, body)| body.len()).sum::<usize>() + rejects
    }

    /// Returns the number of listed participants, readable or not.
    pub(super) fn listed_count(&self) -> usize {
        let Some(content) = &self.content else { return 0 };
        let list = if matches!(content.artifact, Artifact::Participants(_)) { content.artifact.len() } else { 0 };
        list + content.rejects.len()
    }

    /// Returns the outcome of a list that was read to its end, and that has `total` participants by the provider.
    pub(super) fn judge_list(&mut self, total: Option<u64>) -> AttemptOutcome {
        let count = self.listed_count() as u64;
        if let Some(total) = total.filter(|total| *total > count) {
            return part(&format!("{count} of {total} participants were received"));
        }
        if let Some(content) = &mut self.content {
            content.is_whole_list = true;
        }
        if count == 0 { AttemptOutcome::FoundEmpty } else { AttemptOutcome::Found }
    }

    /// Returns what is stored after a try with this outcome; `None`: nothing. Content without a row never replaces
    /// what is stored (`has_content`): the answer may be a fault that passes.
    pub(super) fn to_store(&self, outcome: &AttemptOutcome, has_content: bool) -> Option<&ArtifactPage> {
        let content = self.content.as_ref().filter(|content| !has_content || !content.artifact.is_empty())?;
        let is_stored = match (&content.artifact, outcome) {
            (_, AttemptOutcome::Failed { .. }) => false,
            (Artifact::Participants(_), outcome) => {
                matches!(outcome, AttemptOutcome::Found | AttemptOutcome::FoundEmpty | AttemptOutcome::FoundPart { .. })
            }
            (Artifact::Quality(reports), _) => !reports.is_empty(),
            (Artifact::Chat(_) | Artifact::Transcript(_) | Artifact::Summary(_), _) => true,
        };
        is_stored.then_some(content)
    }
}
