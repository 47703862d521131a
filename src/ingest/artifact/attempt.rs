//! One try at one task: ask the connector, put what came together, decide what becomes of the task. Saves nothing.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::artifact::backlog::Claimed;
use crate::ingest::artifact::gathered::{Gathered, part};
use crate::ingest::artifact::outcome::{Moment, Outcome};
use crate::ingest::artifact::retry_schedule;
use crate::ingest::{Poller, Source};
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::page::Cursor;
use crate::model::stream::Stream;
use crate::store::artifact::Decision;

/// Pages of one session's participants; beyond this a provider repeats itself.
const MAX_PAGES: u32 = 1_000;
/// Participants of one session that are held at once.
const MAX_PARTICIPANTS: usize = 20_000;
/// More than so many are a large artifact.
const USUAL_PARTICIPANTS: usize = 2_000;
/// When the provider could not be reached, the task is due again after this.
const AFTER_OUTAGE: TimeDelta = TimeDelta::seconds(30);
/// No single try takes longer; what it had is asked for again.
const LONGEST_TRY: Duration = Duration::from_mins(10);

/// How a try ended for the pass.
#[derive(Debug)]
pub(super) enum Tried {
    /// The task gets a new state.
    Decided {
        /// The failure behind it, if it is one: class and words.
        failure: Option<(String, String)>,
        /// Whether it confirms or disproves what the task's last try said was missing.
        confirms_absence: Option<bool>,
    },
    /// The provider refused this call for a reason that may hold for all of its kind.
    Refused(PullError),
    /// The provider wants no calls at all for now.
    Closed(PullError),
}

/// What becomes of a task after a try.
pub(super) enum Ending {
    /// This.
    Decided(Decision),
    /// It counts as not tried, and is due again at this instant.
    Untried {
        /// When.
        due_at: DateTime<Utc>,
        /// The class of what kept it from being answered; `None`: it was not asked for.
        put_off: Option<&'static str>,
    },
}

/// A try that is over and not saved yet.
pub(super) struct Finished<'a> {
    pub(super) claimed: Claimed<'a>,
    pub(super) gathered: Gathered,
    /// Something of what came together is to be stored, as this outcome says.
    pub(super) outcome: Option<Outcome>,
    pub(super) ending: Ending,
    /// When it was over.
    pub(super) now: DateTime<Utc>,
}

impl<'a> Finished<'a> {
    /// A claimed task that is not tried after all.
    pub(super) fn untried(claimed: Claimed<'a>, now: DateTime<Utc>) -> Self {
        let ending = Ending::Untried { due_at: now, put_off: None };
        Self { claimed, gathered: Gathered::default(), outcome: None, ending, now }
    }

    /// The same try, where nothing of what it brought can be stored.
    pub(super) fn decide(&self, outcome: &Outcome) -> Decision {
        let moment = Moment { now: self.now, chance: 0.5, is_usual_absence: false };
        retry_schedule::decide(&self.claimed.task, self.claimed.policy, outcome, moment)
    }
}

/// A try under way.
pub(super) struct Attempt<'a> {
    pub(super) poller: &'a Poller,
    pub(super) source: &'a Source,
    pub(super) claimed: &'a Claimed<'a>,
}

/// Tries, and decides about the task also where the try crashes or never ends: else it would be the first to be
/// claimed again, for ever.
pub(super) async fn run_guarded<'a>(
    poller: &'a Poller,
    source: &'a Source,
    claimed: Claimed<'a>,
) -> (Finished<'a>, Tried) {
    let attempt = Attempt { poller, source, claimed: &claimed };
    let tried = tokio::time::timeout(LONGEST_TRY, AssertUnwindSafe(attempt.run()).catch_unwind()).await;
    let now = poller.clock.now();
    let (class, detail) = match tried {
        Ok(Ok((gathered, outcome, ending, tried))) => {
            return (Finished { claimed, gathered, outcome, ending, now }, tried);
        }
        Ok(Err(_)) => ("crashed", "the try crashed; the log says where"),
        Err(_) => ("transient", "the try took too long"),
    };
    let failed = Outcome::Failed { class: class.to_owned(), detail: detail.to_owned(), is_lasting: false };
    let ending = Ending::Decided(attempt.decide(&failed, now));
    let failure = Some((class.to_owned(), detail.to_owned()));
    let tried = Tried::Decided { failure, confirms_absence: None };
    (Finished { claimed, gathered: Gathered::default(), outcome: None, ending, now }, tried)
}

impl Attempt<'_> {
    async fn run(&self) -> (Gathered, Option<Outcome>, Ending, Tried) {
        let mut gathered = Gathered::default();
        let asked = match self.claimed.task.stream {
            Stream::Participants => self.participants(&mut gathered).await,
            Stream::Quality => self.reports(&mut gathered).await,
            _ => self.file(&mut gathered).await,
        };
        let now = self.poller.clock.now();
        let outcome = match asked {
            Ok(outcome) => outcome,
            Err(error) if was_not_answered(&error) => {
                let (outcome, ending) = self.wait(&gathered, &error, now);
                return (gathered, outcome, ending, Tried::Closed(error));
            }
            Err(error) if refuses_the_stream(&error) => {
                let outcome = Outcome::refused(&error);
                let ending = Ending::Decided(self.decide(&outcome, now));
                return (gathered, Some(outcome), ending, Tried::Refused(error));
            }
            Err(error) if error.kind == PullErrorKind::NotFound && gathered.len() == 0 => {
                Outcome::Absent(Absence::NotFound)
            }
            Err(error) => Outcome::Failed {
                class: error.kind.policy().class.to_owned(),
                is_lasting: error.kind == PullErrorKind::TooLarge,
                detail: error.to_string(),
            },
        };
        let failure = match &outcome {
            Outcome::Failed { class, detail, .. } => Some((class.clone(), detail.clone())),
            _ => None,
        };
        let ending = Ending::Decided(self.decide(&outcome, now));
        let confirms_absence = retry_schedule::confirms_absence(&self.claimed.task, &outcome);
        (gathered, Some(outcome), ending, Tried::Decided { failure, confirms_absence })
    }

    /// The rest is asked for when calls are allowed again; what came before is kept. Who made the provider ask for
    /// patience goes behind the others: it may be the one that always does.
    fn wait(&self, gathered: &Gathered, error: &PullError, now: DateTime<Utc>) -> (Option<Outcome>, Ending) {
        let outcome = if error.http_status.is_some() {
            Outcome::refused(error)
        } else if gathered.reports.is_empty() {
            let due_at = error.retry_at().unwrap_or(now + AFTER_OUTAGE);
            return (None, Ending::Untried { due_at, put_off: Some(error.kind.policy().class) });
        } else {
            Outcome::MoreToAsk
        };
        let ending = Ending::Decided(self.decide(&outcome, now));
        (Some(outcome), ending)
    }

    fn decide(&self, outcome: &Outcome, now: DateTime<Utc>) -> Decision {
        let chance = self.poller.dice.unit();
        let moment = Moment { now, chance, is_usual_absence: self.claimed.is_usual_absence };
        retry_schedule::decide(&self.claimed.task, self.claimed.policy, outcome, moment)
    }

    pub(super) async fn ask(
        &self,
        participant: Option<&crate::model::id::ProviderRecordId>,
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
        self.source.connector.fetch_artifact(self.claimed.task.stream, request).await
    }

    async fn file(&self, gathered: &mut Gathered) -> Result<Outcome, PullError> {
        let answer = match self.ask(None, None, false).await {
            Err(error) if error.kind == PullErrorKind::TooLarge => {
                gathered.hold(&self.poller.large).await;
                self.ask(None, None, true).await?
            }
            answer => answer?,
        };
        let page = match answer {
            ArtifactAnswer::Absent(absence) => return Ok(Outcome::Absent(absence)),
            ArtifactAnswer::Content(page) => *page,
        };
        let ArtifactPage { artifact, raw, rejects, oddities, facts, .. } = page;
        let holds_nothing = rejects.is_empty()
            && match &artifact {
                Artifact::Chat(messages) => messages.is_empty(),
                Artifact::Transcript(transcript) => transcript.segments.is_empty(),
                Artifact::Summary(summary) => summary.body.trim().is_empty(),
                Artifact::Participants(_) | Artifact::Quality(_) => false,
            };
        gathered.file = Some((artifact, raw));
        (gathered.rejects, gathered.oddities, gathered.facts) = (rejects, oddities, facts);
        Ok(if holds_nothing { Outcome::FoundEmpty } else { Outcome::Found })
    }

    /// All pages of the list. It is whole once as many distinct records came as the provider counts.
    async fn participants(&self, gathered: &mut Gathered) -> Result<Outcome, PullError> {
        let mut seen = HashSet::new();
        let mut cursor: Option<Cursor> = None;
        for _ in 0..MAX_PAGES {
            let page = match self.ask(None, cursor.as_ref(), false).await? {
                ArtifactAnswer::Absent(absence) => return Ok(Outcome::Absent(absence)),
                ArtifactAnswer::Content(page) => *page,
            };
            let Artifact::Participants(list) = page.artifact else {
                return Err(PullError::contract("participants", "the connector answered something else"));
            };
            let before = gathered.len();
            for one in list {
                if seen.insert(one.provider_participant_id.clone()) {
                    gathered.participants.push(one);
                }
            }
            gathered.rejects.extend(page.rejects);
            gathered.oddities.extend(page.oddities);
            gathered.facts.extend(page.facts);
            gathered.total = page.total.or(gathered.total);
            if page.next.is_none() {
                return Ok(gathered.judge_list());
            }
            if gathered.len() == before {
                return Ok(part("a page brought nothing new before the list ended"));
            }
            if gathered.len() > MAX_PARTICIPANTS {
                return Ok(part("the session has more participants than can be held"));
            }
            if gathered.len() > USUAL_PARTICIPANTS {
                gathered.hold(&self.poller.large).await;
            }
            cursor = page.next;
        }
        Ok(part("the list has too many pages"))
    }
}

/// Whether the provider gave no answer about this session, so that the try does not count: it was not reached, or wants
/// no calls now.
fn was_not_answered(error: &PullError) -> bool {
    error.kind == PullErrorKind::Unreached || error.kind.policy().action == Action::WaitUntil
}

/// Whether this may be the provider's word on all calls of this kind. Not on all calls: a token may list sessions
/// and not read transcripts.
fn refuses_the_stream(error: &PullError) -> bool {
    let policy = error.kind.policy();
    !policy.may_be_local && policy.action == Action::Stop
}
