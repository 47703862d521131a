//! One try at one task: ask the connector, put what came together, save it with what becomes of the task.

mod participants;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use crate::connector::ArtifactPolicy;
use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::artifact::calendar::{self, Outcome};
use crate::ingest::artifact::gathered::Gathered;
use crate::ingest::{Poller, Source};
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::page::Cursor;
use crate::model::quality::PeerReport;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::{self, SaveContext, Saved, Task, quality, queue};

/// Reports asked for in one try, so that a large session is saved in parts.
const REPORTS_AT_ONCE: i64 = 20;
/// So many reports in a row that cannot be had: then it is the provider and not a presence.
const MAX_FAILURES_IN_A_ROW: u32 = 5;

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
            Outcome::Failed { class: class.to_owned(), detail: detail.to_owned(), is_passing: class == "transient" };
        self.save(&Gathered::default(), &failed, self.poller.clock.now()).await?;
        Ok(Tried::Decided { failure: Some((class.to_owned(), detail.to_owned())), is_new: false })
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
            // an outage uses up nobody's tries
            Err(error) if !error.kind.is_of_provider() || error.kind.policy().action == Action::WaitUntil => {
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
                is_passing: matches!(error.kind, PullErrorKind::Transient | PullErrorKind::NotFound),
                detail: error.to_string(),
            },
        };
        let saved = match self.save(&gathered, &outcome, now).await {
            Err(error) if error.is_data() => return self.refused(&gathered, &error, now).await,
            saved => saved?,
        };
        let failure = match outcome {
            Outcome::Failed { class, detail, .. } => Some((class, detail)),
            _ => None,
        };
        Ok(Tried::Decided { failure, is_new: saved == Saved::Written })
    }

    /// A value the database refuses costs this artifact and no other; its bytes are kept as a reject.
    async fn refused(&self, gathered: &Gathered, error: &StoreError, now: DateTime<Utc>) -> Result<Tried, StoreError> {
        tracing::warn!(cause = error.cause(), "the database refused an artifact");
        let class = "refused_by_database".to_owned();
        let detail = "a value of this artifact does not fit the database".to_owned();
        let failed = Outcome::Failed { class: class.clone(), detail: detail.clone(), is_passing: false };
        let decision = calendar::decide(self.task, self.policy, &failed, now);
        artifact::settle_refused(&self.poller.pool, &self.context(now), &gathered.bodies(), &decision).await?;
        Ok(Tried::Decided { failure: Some((class, detail)), is_new: false })
    }

    /// The rest is asked for when calls are allowed again; what came before is kept. Who made the provider ask for
    /// patience goes behind the others: it may be the one that always does.
    async fn wait(&self, gathered: &Gathered, error: &PullError, now: DateTime<Utc>) -> Result<(), StoreError> {
        if error.http_status.is_some() {
            self.save(gathered, &Outcome::refused(error), now).await?;
        } else if gathered.reports.is_empty() {
            queue::give_back(&self.poller.pool, self.task, error.retry_at().unwrap_or(now + AFTER_OUTAGE)).await?;
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

    async fn save(&self, gathered: &Gathered, outcome: &Outcome, now: DateTime<Utc>) -> Result<Saved, StoreError> {
        let decision = calendar::decide(self.task, self.policy, outcome, now);
        let context = self.context(now);
        let pool = &self.poller.pool;
        match gathered.found(self.task.stream, outcome) {
            Some(found) => artifact::save(pool, &context, &gathered.content(found), &decision).await,
            None => artifact::settle(pool, &context, &decision).await,
        }
    }

    async fn ask(
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

    /// The reports of some participants that have none stored.
    async fn reports(&self, gathered: &mut Gathered) -> Result<Result<Outcome, PullError>, StoreError> {
        let pool = &self.poller.pool;
        // whoever had none at an earlier age is asked for once more at this one
        let round_began_at = calendar::round_began_at(self.task, self.policy, self.poller.clock.now());
        let missing = quality::without_report(pool, self.task, round_began_at, REPORTS_AT_ONCE + 1).await?;
        let has_more = missing.len() > usize::try_from(REPORTS_AT_ONCE).unwrap_or(usize::MAX);
        let (mut failure, mut failures_in_a_row) = (None, 0);
        for participant in missing.iter().take(usize::try_from(REPORTS_AT_ONCE).unwrap_or(usize::MAX)) {
            let answer = self.ask(Some(participant), None, false).await;
            failures_in_a_row = if answer.is_ok() { 0 } else { failures_in_a_row + 1 };
            match answer {
                Ok(ArtifactAnswer::Content(page)) => {
                    let ArtifactPage { artifact: Artifact::Quality(report), rejects, oddities, facts, .. } = *page
                    else {
                        let detail = "the connector answered something else";
                        return Ok(Err(PullError::contract("quality", detail)));
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
                    return Ok(Ok(Outcome::FoundPart { detail: error.to_string() }));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        match failure {
            Some(error) if gathered.reports.is_empty() => return Ok(Err(error)),
            _ if has_more => return Ok(Ok(Outcome::MoreToAsk)),
            Some(error) => return Ok(Ok(Outcome::FoundPart { detail: error.to_string() })),
            None => {}
        }
        let (with, without) = quality::counts(pool, self.task).await?;
        let fresh = gathered.reports.iter().filter(|report| report.quality.is_some()).count();
        Ok(Ok(match (with + i64::try_from(fresh).unwrap_or(0), without) {
            (0, _) => Outcome::Absent(Absence::NotFound),
            _ => Outcome::Found,
        }))
    }
}

/// Whether this may be the provider's word on all calls of this kind. Not on all calls: a token may list sessions
/// and not read transcripts.
fn refuses_the_stream(error: &PullError) -> bool {
    let policy = error.kind.policy();
    !policy.may_be_local && policy.action == Action::Stop
}
