//! One try at a session's quality: requests a report for each participant that has none stored.

use crate::connector::error::PullError;
use crate::ingest::artifact::attempt::Attempt;
use crate::ingest::artifact::attempt_outcome::AttemptOutcome;
use crate::ingest::artifact::gathered::Gathered;
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage};
use crate::model::field::FieldPresence;
use crate::model::quality::PeerReport;
use crate::store::artifact::quality::MissingReports;

/// Reports requested in one try, so that a large session is saved in parts.
pub(super) const REPORTS_AT_ONCE: usize = 20;
/// After this many failed reports in a row the provider is at fault, not a presence.
const MAX_FAILURES_IN_A_ROW: u32 = 5;

impl Attempt<'_> {
    /// Fetches the reports of some participants that have none stored.
    pub(super) async fn reports(&self, gathered: &mut Gathered) -> Result<AttemptOutcome, PullError> {
        let missing = &self.claimed.reports;
        let mut has_more = missing.participants.len() > REPORTS_AT_ONCE;
        let (mut failure, mut failures_in_a_row) = (None, 0);
        for participant in missing.participants.iter().take(REPORTS_AT_ONCE) {
            let answer = self.ask(Some(participant), None, false).await;
            failures_in_a_row = if answer.is_ok() { 0 } else { failures_in_a_row + 1 };
            match answer {
                Ok(ArtifactAnswer::Content(page)) => gathered.add(*page),
                Ok(ArtifactAnswer::Absent(_)) => {
                    let provider_participant_id = participant.clone();
                    let (fields, raw) = (FieldPresence::default(), Vec::new());
                    let none = PeerReport { provider_participant_id, quality: None, fields, raw };
                    gathered.add(ArtifactPage::of(Artifact::Quality(vec![none])));
                }
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
        if has_more && gathered.content.is_some() {
            return Ok(AttemptOutcome::MoreToAsk);
        }
        judge(missing, gathered, failure)
    }
}

/// Combines the fetched reports of a session with those stored before into an outcome.
fn judge(
    stored: &MissingReports,
    gathered: &Gathered,
    failure: Option<PullError>,
) -> Result<AttemptOutcome, PullError> {
    let reports = match gathered.content.as_ref().map(|content| &content.artifact) {
        Some(Artifact::Quality(reports)) => &reports[..],
        _ => &[],
    };
    let fresh = reports.iter().filter(|report| report.quality.is_some()).count();
    let fresh = i64::try_from(fresh).unwrap_or(i64::MAX);
    let (with, without) = (stored.with_report + fresh, stored.without_report - fresh);
    match failure {
        Some(error) if with == 0 => Err(error),
        Some(error) => Ok(AttemptOutcome::FoundPart { detail: error.to_string() }),
        None if with + without == 0 && stored.is_list_known => Ok(AttemptOutcome::FoundEmpty),
        None if with == 0 => Ok(AttemptOutcome::Absent(Absence::NotFound)),
        None if without > 0 => Ok(AttemptOutcome::FoundWithout(Absence::NotFound)),
        None => Ok(AttemptOutcome::Found),
    }
}
