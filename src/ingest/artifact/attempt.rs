//! One try at one task: calls the connector, collects the parts and decides the task's next state. Saves nothing.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::artifact::attempt_outcome::{AttemptOutcome, Moment};
use crate::ingest::artifact::backlog::Claimed;
use crate::ingest::artifact::gathered::Gathered;
use crate::ingest::artifact::retry_schedule;
use crate::ingest::poller::{Poller, Source};
use crate::model::artifact::{Absence, ArtifactAnswer, ArtifactRequest};
use crate::model::id::ProviderRecordId;
use crate::model::page::Cursor;
use crate::model::stream::Stream;
use crate::store::artifact::content;
use crate::store::artifact::queue::Untried;
use crate::store::artifact::task::TaskDecision;

/// When the provider could not be reached, the task is due again after this.
const AFTER_OUTAGE: TimeDelta = TimeDelta::seconds(30);
/// Time limit of a single try; what it had fetched is requested again.
const LONGEST_TRY: Duration = Duration::from_mins(10);

/// Result of a try, as the pass sees it.
#[derive(Debug)]
pub(super) enum Tried {
    /// The task gets a new state.
    Decided {
        /// The failure behind it, if there is one: class and description.
        failure: Option<(String, String)>,
        /// Whether it confirms or disproves the absence that the task's last try reported.
        confirms_absence: Option<bool>,
    },
    /// The provider refused this call for a reason that may hold for all calls of its kind.
    Refused(PullError),
    /// The provider allows no calls at all for now.
    Closed(PullError),
}

/// State of a task after a try.
pub(super) enum Ending {
    /// The decided state.
    Decided(TaskDecision),
    /// The try does not count, and the task is due again later.
    Untried(Untried),
}

/// A finished try that is not saved yet.
pub(super) struct Finished<'a> {
    pub(super) claimed: Claimed<'a>,
    pub(super) gathered: Gathered,
    /// The outcome with which the fetched parts are stored; `None`: nothing is stored.
    pub(super) outcome: Option<AttemptOutcome>,
    pub(super) ending: Ending,
    /// The end of the try.
    pub(super) moment: Moment,
}

impl<'a> Finished<'a> {
    /// Returns a claimed task without trying it.
    pub(super) fn untried(claimed: Claimed<'a>, now: DateTime<Utc>) -> Self {
        let ending = Ending::Untried(Untried { due_at: now, owed_for: None });
        let moment = Moment { now, chance: 0.0, is_usual_absence: false };
        Self { claimed, gathered: Gathered::default(), outcome: None, ending, moment }
    }

    /// Decides the task for another outcome, where nothing that the try fetched can be stored.
    pub(super) fn decide(&self, outcome: &AttemptOutcome) -> TaskDecision {
        retry_schedule::decide(&self.claimed.task, self.claimed.policy, outcome, self.moment)
    }
}

/// A running try.
pub(super) struct Attempt<'a> {
    pub(super) poller: &'a Poller,
    pub(super) source: &'a Source,
    pub(super) claimed: &'a Claimed<'a>,
    /// Whether the absences of many old sessions in a row were confirmed.
    is_usual_absence: bool,
}

/// Runs a try, and decides the task even if the try crashes or never ends: otherwise it would be claimed first
/// again, for ever.
pub(super) async fn run_guarded<'a>(
    poller: &'a Poller,
    source: &'a Source,
    claimed: Claimed<'a>,
    is_usual_absence: bool,
) -> (Finished<'a>, Tried) {
    let attempt = Attempt { poller, source, claimed: &claimed, is_usual_absence };
    let tried = tokio::time::timeout(LONGEST_TRY, AssertUnwindSafe(attempt.run()).catch_unwind()).await;
    let moment = attempt.moment();
    let (class, detail) = match tried {
        Ok(Ok((gathered, outcome, ending, tried))) => {
            return (Finished { claimed, gathered, outcome, ending, moment }, tried);
        }
        Ok(Err(_)) => ("crashed", "the try crashed; the log names the place"),
        Err(_) => ("transient", "the try took too long"),
    };
    let failed = AttemptOutcome::Failed { class: class.to_owned(), detail: detail.to_owned(), is_lasting: false };
    let ending = Ending::Decided(attempt.decide(&failed));
    let failure = Some((class.to_owned(), detail.to_owned()));
    let tried = Tried::Decided { failure, confirms_absence: None };
    (Finished { claimed, gathered: Gathered::default(), outcome: None, ending, moment }, tried)
}

impl Attempt<'_> {
    async fn run(&self) -> (Gathered, Option<AttemptOutcome>, Ending, Tried) {
        let mut gathered = Gathered::default();
        let asked = match self.claimed.task.stream {
            Stream::Participants => self.participants(&mut gathered).await,
            Stream::Quality => self.reports(&mut gathered).await,
            _ => self.file(&mut gathered).await,
        };
        let outcome = match asked {
            Ok(outcome) => outcome,
            Err(error) if was_not_asked(&error) => {
                let (outcome, ending) = self.wait(&gathered, &error);
                return (gathered, outcome, ending, Tried::Closed(error));
            }
            Err(error) if refuses_the_stream(&error) => {
                let outcome = AttemptOutcome::refused(&error);
                let ending = Ending::Decided(self.decide(&outcome));
                return (gathered, Some(outcome), ending, Tried::Refused(error));
            }
            Err(error) if error.kind == PullErrorKind::NotFound && gathered.listed_count() == 0 => {
                AttemptOutcome::Absent(Absence::NotFound)
            }
            Err(error) => AttemptOutcome::Failed {
                class: error.kind.policy().class.to_owned(),
                is_lasting: error.kind == PullErrorKind::TooLarge,
                detail: error.to_string(),
            },
        };
        let confirms_absence = outcome.confirms_absence(&self.claimed.task);
        let failure = match &outcome {
            AttemptOutcome::Failed { class, detail, .. } => Some((class.clone(), detail.clone())),
            _ => None,
        };
        let ending = Ending::Decided(self.decide(&outcome));
        (gathered, Some(outcome), ending, Tried::Decided { failure, confirms_absence })
    }

    /// Keeps what was fetched and asks for the rest when calls are allowed again. A task whose call was rate
    /// limited goes behind the others, because it may be the one that always causes it.
    fn wait(&self, gathered: &Gathered, error: &PullError) -> (Option<AttemptOutcome>, Ending) {
        let outcome = if error.http_status.is_some() {
            AttemptOutcome::refused(error)
        } else if self.claimed.task.stream != Stream::Quality || gathered.content.is_none() {
            let due_at = error.retry_at().unwrap_or(self.poller.clock.now() + AFTER_OUTAGE);
            return (None, Ending::Untried(Untried { due_at, owed_for: Some(error.kind.policy().class) }));
        } else {
            AttemptOutcome::MoreToAsk
        };
        let ending = Ending::Decided(self.decide(&outcome));
        (Some(outcome), ending)
    }

    fn moment(&self) -> Moment {
        let (now, chance) = (self.poller.clock.now(), self.poller.dice.unit());
        Moment { now, chance, is_usual_absence: self.is_usual_absence }
    }

    fn decide(&self, outcome: &AttemptOutcome) -> TaskDecision {
        retry_schedule::decide(&self.claimed.task, self.claimed.policy, outcome, self.moment())
    }

    pub(super) async fn ask(
        &self,
        participant: Option<&ProviderRecordId>,
        cursor: Option<&Cursor>,
        may_be_large: bool,
    ) -> Result<ArtifactAnswer, PullError> {
        let request = ArtifactRequest {
            session: &self.claimed.task.session,
            participant,
            cursor,
            may_be_large,
            now: self.poller.clock.now(),
        };
        let stream = self.claimed.task.stream;
        match self.source.connector.fetch_artifact(stream, request).await? {
            ArtifactAnswer::Content(page) if page.artifact.stream() != stream => {
                Err(PullError::contract(stream.as_str(), "the connector returned another artifact"))
            }
            ArtifactAnswer::Content(mut page) => {
                page.leave_out_impossible_times(&request);
                Ok(ArtifactAnswer::Content(page))
            }
            answer @ ArtifactAnswer::Absent(_) => Ok(answer),
        }
    }

    async fn file(&self, gathered: &mut Gathered) -> Result<AttemptOutcome, PullError> {
        let answer = match self.ask(None, None, false).await {
            Err(error) if error.kind == PullErrorKind::TooLarge => {
                gathered.hold(&self.poller.large).await;
                self.ask(None, None, true).await?
            }
            answer => answer?,
        };
        let page = match answer {
            ArtifactAnswer::Absent(absence) => return Ok(AttemptOutcome::Absent(absence)),
            ArtifactAnswer::Content(page) => *page,
        };
        let (is_empty, rejects) = (page.artifact.is_empty(), page.rejects.len());
        let is_open = page.is_end_open.then(|| content::is_stored(&page, &self.claimed.task));
        gathered.add(page);
        Ok(match rejects {
            0 if is_empty => AttemptOutcome::FoundEmpty,
            _ if !is_empty => is_open.map_or(AttemptOutcome::Found, |is_same| AttemptOutcome::FoundOpen { is_same }),
            // then our reading of the file is wrong, or it is another file
            _ => {
                let detail = format!("none of {rejects} rows could be read");
                AttemptOutcome::Failed { class: "contract_error".to_owned(), detail, is_lasting: false }
            }
        })
    }
}

/// Whether the provider gave no answer about this session, so that the try does not count: it was not reached, or
/// allows no calls now.
fn was_not_asked(error: &PullError) -> bool {
    !error.kind.is_of_provider() || error.kind.policy().action == Action::WaitUntil
}

/// Whether this failure may hold for all calls of this kind. It need not hold for all calls: a token may list
/// sessions and not read transcripts.
fn refuses_the_stream(error: &PullError) -> bool {
    let policy = error.kind.policy();
    !policy.may_be_local && policy.action == Action::Stop
}
