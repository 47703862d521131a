//! One try at one task: ask the connector, put what came together, save it with what becomes of the task.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use crate::connector::ArtifactPolicy;
use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::artifact::gathered::Gathered;
use crate::ingest::artifact::outcome::{Moment, Outcome};
use crate::ingest::artifact::retry_schedule;
use crate::ingest::{Poller, Source};
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::page::Cursor;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::{self, Decision, SaveContext, Saved, Task, queue};

/// When the provider could not be reached, the task is due again after this.
const AFTER_OUTAGE: TimeDelta = TimeDelta::seconds(30);
/// No single try takes longer; what it had is asked for again.
const LONGEST_TRY: Duration = Duration::from_mins(10);

/// How a try ended for the pass.
#[derive(Debug)]
pub(super) enum Tried {
    /// The task has a new state.
    Decided {
        /// The failure behind it, if it is one: class and words.
        failure: Option<(String, String)>,
        /// Something new was stored.
        is_new: bool,
        /// Whether it confirms or disproves what the task's last try said was missing.
        confirms_absence: Option<bool>,
    },
    /// The provider refused this call for a reason that may hold for all of its kind.
    Refused(PullError),
    /// The provider wants no calls at all for now.
    Closed(PullError),
}

/// A try under way.
pub(super) struct Attempt<'a> {
    pub(super) poller: &'a Poller,
    pub(super) source: &'a Source,
    pub(super) task: &'a Task,
    pub(super) policy: &'a ArtifactPolicy,
    pub(super) run_id: i64,
    /// The absences of many old sessions in a row were confirmed.
    pub(super) is_usual_absence: bool,
}

impl Attempt<'_> {
    /// Tries, and decides about the task also where the try crashes or never ends: else it would be the first to be
    /// claimed again, for ever.
    pub(super) async fn run_guarded(&self) -> Result<Tried, StoreError> {
        let tried = tokio::time::timeout(LONGEST_TRY, AssertUnwindSafe(self.run()).catch_unwind()).await;
        let (class, detail) = match tried {
            Ok(Ok(tried)) => return tried,
            Ok(Err(_)) => ("crashed", "the try crashed; the log says where"),
            Err(_) => ("transient", "the try took too long"),
        };
        let failed =
            Outcome::Failed { class: class.to_owned(), detail: detail.to_owned(), is_lasting: false };
        self.save(&Gathered::default(), &failed, self.poller.clock.now()).await?;
        Ok(Tried::failed(class, detail))
    }

    async fn run(&self) -> Result<Tried, StoreError> {
        let mut gathered = Gathered::default();
        let asked = match self.task.stream {
            Stream::Participants => self.participants(&mut gathered).await,
            Stream::Quality => self.reports(&mut gathered).await?,
            _ => self.file(&mut gathered).await,
        };
        let now = self.poller.clock.now();
        let outcome = match asked {
            Ok(outcome) => outcome,
            Err(error) if was_not_asked(&error) => {
                self.wait(&gathered, &error, now).await?;
                return Ok(Tried::Closed(error));
            }
            Err(error) if refuses_the_stream(&error) => {
                self.save(&gathered, &Outcome::refused(&error), now).await?;
                return Ok(Tried::Refused(error));
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
        let saved = match self.save(&gathered, &outcome, now).await {
            Err(error) if error.is_data() => return self.refused(&gathered, &error, now).await,
            saved => saved?,
        };
        let confirms_absence = retry_schedule::confirms_absence(self.task, &outcome);
        let failure = match outcome {
            Outcome::Failed { class, detail, .. } => Some((class, detail)),
            _ => None,
        };
        Ok(Tried::Decided { failure, is_new: saved == Saved::Written, confirms_absence })
    }

    /// A value the database refuses costs this artifact and no other; its bytes are kept as a reject.
    async fn refused(&self, gathered: &Gathered, error: &StoreError, now: DateTime<Utc>) -> Result<Tried, StoreError> {
        tracing::warn!(cause = error.cause(), "the database refused an artifact");
        let (class, detail) = ("refused_by_database", "a value of this artifact does not fit the database");
        let failed = Outcome::Failed { class: class.to_owned(), detail: detail.to_owned(), is_lasting: true };
        let decision = self.decide(&failed, now);
        artifact::settle_refused(&self.poller.pool, &self.context(now), &gathered.bodies(), &decision).await?;
        Ok(Tried::failed(class, detail))
    }

    /// The rest is asked for when calls are allowed again; what came before is kept. Who made the provider ask for
    /// patience goes behind the others: it may be the one that always does.
    async fn wait(&self, gathered: &Gathered, error: &PullError, now: DateTime<Utc>) -> Result<(), StoreError> {
        if error.http_status.is_some() {
            self.save(gathered, &Outcome::refused(error), now).await?;
        } else if gathered.reports.is_empty() {
            let next_try_at = error.retry_at().unwrap_or(now + AFTER_OUTAGE);
            let class = error.kind.policy().class;
            queue::put_off(&self.poller.pool, self.task, next_try_at, class, now).await?;
        } else {
            self.save(gathered, &Outcome::MoreToAsk, now).await?;
        }
        Ok(())
    }

    fn context(&self, now: DateTime<Utc>) -> SaveContext<'_> {
        SaveContext {
            task: self.task,
            run_id: self.run_id,
            source_slug: &self.source.pseudonym_slug,
            person_key: &self.poller.person_key,
            now,
        }
    }

    fn decide(&self, outcome: &Outcome, now: DateTime<Utc>) -> Decision {
        let moment = Moment { now, chance: self.poller.dice.unit(), is_usual_absence: self.is_usual_absence };
        retry_schedule::decide(self.task, self.policy, outcome, moment)
    }

    async fn save(&self, gathered: &Gathered, outcome: &Outcome, now: DateTime<Utc>) -> Result<Saved, StoreError> {
        let decision = self.decide(outcome, now);
        let context = self.context(now);
        let pool = &self.poller.pool;
        match gathered.found(self.task.stream, outcome) {
            Some(found) => artifact::save(pool, &context, &gathered.content(found), &decision).await,
            None => artifact::settle(pool, &context, &decision).await,
        }
    }

    pub(super) async fn ask(
        &self,
        participant: Option<&crate::model::id::ProviderRecordId>,
        cursor: Option<&Cursor>,
        may_be_large: bool,
    ) -> Result<ArtifactAnswer, PullError> {
        let request = ArtifactRequest {
            session: &self.task.session,
            participant,
            cursor,
            may_be_large,
            now: self.poller.clock.now(),
        };
        self.source.connector.fetch_artifact(self.task.stream, request).await
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
}

impl Tried {
    fn failed(class: &str, detail: &str) -> Self {
        let failure = Some((class.to_owned(), detail.to_owned()));
        Self::Decided { failure, is_new: false, confirms_absence: None }
    }
}

/// Whether the provider gave no answer about this session, so that the try does not count: it was not reached, or wants
/// no calls now.
fn was_not_asked(error: &PullError) -> bool {
    !error.kind.is_of_provider() || error.kind.policy().action == Action::WaitUntil
}

/// Whether this may be the provider's word on all calls of this kind. Not on all calls: a token may list sessions
/// and not read transcripts.
fn refuses_the_stream(error: &PullError) -> bool {
    let policy = error.kind.policy();
    !policy.may_be_local && policy.action == Action::Stop
}
