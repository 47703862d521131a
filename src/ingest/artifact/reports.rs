//! One try at a session's quality: a report for each participant that has none stored.

use crate::connector::error::PullError;
use crate::ingest::artifact::attempt::Attempt;
use crate::ingest::artifact::calendar::Outcome;
use crate::ingest::artifact::gathered::Gathered;
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage};
use crate::model::quality::PeerReport;

/// Reports asked for in one try, so that a large session is saved in parts.
pub(super) const REPORTS_AT_ONCE: usize = 20;
/// So many reports in a row that cannot be had: then it is the provider and not a presence.
const MAX_FAILURES_IN_A_ROW: u32 = 5;

impl Attempt<'_> {
    /// The reports of some participants that have none stored.
    pub(super) async fn reports(&self, gathered: &mut Gathered) -> Result<Outcome, PullError> {
        let missing = &self.claimed.reports;
        let has_more = missing.participants.len() > REPORTS_AT_ONCE;
        let (mut failure, mut failures_in_a_row) = (None, 0);
        for participant in missing.participants.iter().take(REPORTS_AT_ONCE) {
            let answer = self.ask(Some(participant), None, false).await;
            failures_in_a_row = if answer.is_ok() { 0 } else { failures_in_a_row + 1 };
            match answer {
                Ok(ArtifactAnswer::Content(page)) => {
                    let ArtifactPage { artifact: Artifact::Quality(report), rejects, oddities, facts, .. } = *page
                    else {
                        return Err(PullError::contract("quality", "the connector answered something else"));
                    };
                    gathered.reports.push(report);
                    gathered.rejects.extend(rejects);
                    gathered.oddities.extend(oddities);
                    gathered.facts.extend(facts);
                }
                Ok(ArtifactAnswer::Absent(_)) => gathered.reports.push(PeerReport {
                    provider_participant_id: participant.clone(),
                    quality: None,
                    raw: Vec::new(),
                }),
                // one that cannot be had keeps no other from being asked for
                Err(error) if error.kind.policy().may_be_local && failures_in_a_row < MAX_FAILURES_IN_A_ROW => {
                    failure = Some(error);
                }
                Err(error) if error.kind.policy().may_be_local && !gathered.reports.is_empty() => {
                    return Ok(Outcome::FoundPart { detail: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) if gathered.reports.is_empty() => return Err(error),
            _ if has_more => return Ok(Outcome::MoreToAsk),
            Some(error) => return Ok(Outcome::FoundPart { detail: error.to_string() }),
            None => {}
        }
        let has_report = missing.with_report > 0 || gathered.reports.iter().any(|report| report.quality.is_some());
        Ok(if has_report { Outcome::Found } else { Outcome::Absent(Absence::NotFound) })
    }
}
