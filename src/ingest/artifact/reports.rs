//! One try at a session's quality: requests a report for each participant that has none stored.

use crate::connector::error::PullError;
use crate::ingest::artifact::attempt::Attempt;
use crate::ingest::artifact::gathered::Gathered;
use crate::ingest::artifact::outcome::Outcome;
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage};
use crate::model::quality::PeerReport;
use crate::store::artifact::quality::MissingReports;

/// Reports requested in one try, so that a large session is saved in parts.
pub(super) const REPORTS_AT_ONCE: usize = 20;
/// After this many failed reports in a row the provider is at fault, not a presence.
const MAX_FAILURES_IN_A_ROW: u32 = 5;

impl Attempt<'_> {
    /// Fetches the reports of some participants that have none stored.
    pub(super) async fn reports(&self, gathered: &mut Gathered) -> Result<Outcome, PullError> {
        let missing = &self.claimed.reports;
        let mut has_more = missing.participants.len() > REPORTS_AT_ONCE;
        let (mut failure, mut failures_in_a_row) = (None, 0);
        for participant in missing.participants.iter().take(REPORTS_AT_ONCE) {
            let answer = self.ask(Some(participant), None, false).await;
            failures_in_a_row = if answer.is_ok() { 0 } else { failures_in_a_row + 1 };
            match answer {
                Ok(ArtifactAnswer::Content(page)) => {
                    let ArtifactPage { artifact: Artifact::Quality(report), rejects, oddities, facts, .. } = *page
                    else {
                        return Err(PullError::contract("quality", "the connector returned another artifact"));
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
                // a report that cannot be fetched does not stop the others
                Err(error) if error.kind.policy().may_be_local => {
                    failure = Some(error);
                    if failures_in_a_row >= MAX_FAILURES_IN_A_ROW {
                        has_more = false;
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if has_more && !gathered.reports.is_empty() {
            return Ok(Outcome::MoreToAsk);
        }
        judge(missing, gathered, failure)
    }
}

/// Combines the fetched reports of a session with those stored before into an outcome.
fn judge(stored: &MissingReports, gathered: &Gathered, failure: Option<PullError>) -> Result<Outcome, PullError> {
    let fresh = gathered.reports.iter().filter(|report| report.quality.is_some()).count();
    let fresh = i64::try_from(fresh).unwrap_or(i64::MAX);
    let (with, without) = (stored.with_report + fresh, stored.without_report - fresh);
    match failure {
        Some(error) if with == 0 => Err(error),
        Some(error) => Ok(Outcome::FoundPart { detail: error.to_string() }),
        None if with + without == 0 && stored.is_list_known => Ok(Outcome::FoundEmpty),
        None if with == 0 => Ok(Outcome::Absent(Absence::NotFound)),
        None if without > 0 => Ok(Outcome::FoundWithout(Absence::NotFound)),
        None => Ok(Outcome::Found),
    }
}
