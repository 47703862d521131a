//! Finished tries, saved many at a time.
//!
//! A batch is saved in one transaction. Where the database refuses a value, or saving crashes, its tries are saved
//! one by one, so that one bad artifact never costs another. A batch is limited in bytes, and a large artifact is
//! saved at once, so that memory stays bounded.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::ingest::artifact::attempt::{Ending, Finished};
use crate::ingest::artifact::attempt_outcome::AttemptOutcome;
use crate::ingest::poller::{Poller, Source};
use crate::model::artifact::{ArtifactPage, ArtifactState};
use crate::store::StoreError;
use crate::store::artifact::content::{Member, SaveContext};
use crate::store::artifact::journal::PassProgress;
use crate::store::artifact::queue;
use crate::store::artifact::save::{Saved, save_all, settle_refused};
use crate::store::artifact::task::{ClaimKey, TaskDecision};
use crate::store::reject::{REFUSED_BY_DATABASE, refusal_of};
use crate::store::run::Progress;

/// Most tries saved together.
const MOST: usize = 64;
/// Most bytes saved together, unless a single try has more.
const MOST_BYTES: usize = 1024 * 1024;
/// Longest time a try waits for others to be saved with it.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Tries waiting to be saved.
#[derive(Default)]
pub(super) struct Batch<'a> {
    members: Vec<Finished<'a>>,
    bytes: usize,
    since: Option<Instant>,
}

impl<'a> Batch<'a> {
    pub(super) fn add(&mut self, finished: Finished<'a>) {
        self.bytes += finished.gathered.bytes();
        self.since.get_or_insert_with(Instant::now);
        self.members.push(finished);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether it has reached its size limit: no more calls are made until it is saved.
    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= MOST || self.bytes >= MOST_BYTES || self.members.iter().any(|one| one.gathered.is_large())
    }

    /// Returns the latest instant at which to save it.
    pub(super) fn due_at(&self) -> Option<Instant> {
        if self.is_full() { Some(Instant::now()) } else { Some(self.since? + LONGEST_WAIT) }
    }

    pub(super) fn take(&mut self) -> Vec<Finished<'a>> {
        (self.bytes, self.since) = (0, None);
        std::mem::take(&mut self.members)
    }
}

/// Result of saving one try.
pub(super) struct Kept {
    pub(super) key: ClaimKey,
    pub(super) run_id: i64,
    /// Whether something new is stored.
    pub(super) is_new: bool,
    /// What it adds to the progress of its pass; `None`: its claim was released.
    pub(super) progress: Option<Progress>,
    /// Why it could not be saved as it was: class and description.
    pub(super) failure: Option<(String, String)>,
}

/// Saves a batch, and the progress that earlier ones added to their passes.
pub(super) async fn save(
    poller: &Poller,
    source: &Source,
    batch: Vec<Finished<'_>>,
    passes: &[PassProgress],
) -> Result<Vec<Kept>, StoreError> {
    let mut kept = give_back(poller, &batch).await?;
    let decided: Vec<(&Finished<'_>, &TaskDecision)> =
        batch.iter().filter_map(|one| Some((one, one.decision()?))).collect();
    let saved = save_together(poller, source, &decided, passes).await;
    match saved {
        Ok(saved) => kept.extend(saved),
        Err(Trouble::Database(error)) if !error.is_data() => return Err(error),
        Err(trouble) => {
            if let [(only, _)] = decided[..] {
                kept.push(save_refused(poller, source, only, &trouble).await?);
            } else {
                for one in &decided {
                    kept.push(save_alone(poller, source, *one).await?);
                }
            }
        }
    }
    Ok(kept)
}

/// The reason why a batch could not be saved.
enum Trouble {
    Database(StoreError),
    Crash,
}

async fn save_together(
    poller: &Poller,
    source: &Source,
    decided: &[(&Finished<'_>, &TaskDecision)],
    passes: &[PassProgress],
) -> Result<Vec<Kept>, Trouble> {
    let members: Vec<Member<'_>> = decided
        .iter()
        .map(|(one, decision)| Member { context: context(poller, source, one), content: one.content(), decision })
        .collect();
    let saving = AssertUnwindSafe(save_all(&poller.pool, &members, passes)).catch_unwind().await;
    let outcomes = saving.map_err(|_| Trouble::Crash)?.map_err(Trouble::Database)?;
    let kept = decided.iter().zip(outcomes).map(|((one, _), (saved, progress))| Kept {
        is_new: saved == Saved::Written,
        progress: Some(progress),
        ..Kept::of(one)
    });
    Ok(kept.collect())
}

async fn save_alone(poller: &Poller, source: &Source, one: (&Finished<'_>, &TaskDecision)) -> Result<Kept, StoreError> {
    match save_together(poller, source, &[one], &[]).await {
        Ok(saved) => Ok(saved.into_iter().next().unwrap_or_else(|| Kept::of(one.0))),
        Err(Trouble::Database(error)) if !error.is_data() => Err(error),
        Err(trouble) => save_refused(poller, source, one.0, &trouble).await,
    }
}

/// Saves a try that the database refused or that crashed. A refused value costs this artifact and no other; its
/// bytes are kept as a reject. A crash is decided too: otherwise the task would be claimed first again, for ever.
async fn save_refused(
    poller: &Poller,
    source: &Source,
    one: &Finished<'_>,
    trouble: &Trouble,
) -> Result<Kept, StoreError> {
    let (class, detail) = match trouble {
        Trouble::Database(error) => {
            tracing::warn!(cause = error.cause(), "the database refused an artifact");
            (REFUSED_BY_DATABASE.to_owned(), refusal_of("artifact"))
        }
        Trouble::Crash => ("crashed".to_owned(), "the try crashed; the log names the place".to_owned()),
    };
    // refused bytes are refused again; a later version may be able to save what crashes now
    let is_lasting = matches!(trouble, Trouble::Database(_));
    let failed = AttemptOutcome::Failed { class: class.clone(), detail: detail.clone(), is_lasting };
    let decision = one.decide(&failed);
    let refused = one.gathered.content.as_ref().filter(|_| is_lasting);
    let (_, progress) = settle_refused(&poller.pool, &context(poller, source, one), refused, &decision).await?;
    Ok(Kept { progress: Some(progress), failure: Some((class, detail)), ..Kept::of(one) })
}

/// Releases the claims of tries that do not count.
async fn give_back(poller: &Poller, batch: &[Finished<'_>]) -> Result<Vec<Kept>, StoreError> {
    let mut back = Vec::new();
    for one in batch {
        if let Ending::Untried(untried) = &one.ending {
            back.push((one, *untried));
        }
    }
    let tasks: Vec<_> = back.iter().map(|(one, untried)| (&one.claimed.task, *untried)).collect();
    queue::give_back(&poller.pool, &tasks, poller.clock.now()).await?;
    Ok(back.into_iter().map(|(one, _)| Kept::of(one)).collect())
}

fn context<'a>(poller: &'a Poller, source: &'a Source, one: &'a Finished<'_>) -> SaveContext<'a> {
    SaveContext {
        task: &one.claimed.task,
        run_id: one.claimed.run.id,
        source_slug: &source.pseudonym_slug,
        person_key: &poller.person_key,
        fields: &one.claimed.run.fields,
        now: one.moment.now,
    }
}

impl Kept {
    fn of(one: &Finished<'_>) -> Self {
        let (key, run_id) = (one.claimed.task.key(), one.claimed.run.id);
        Self { key, run_id, is_new: false, progress: None, failure: None }
    }
}

impl Finished<'_> {
    fn decision(&self) -> Option<&TaskDecision> {
        match &self.ending {
            Ending::Decided(decision) => Some(decision),
            Ending::Untried(_) => None,
        }
    }

    fn content(&self) -> Option<&ArtifactPage> {
        let has_content = self.claimed.task.state == ArtifactState::Available;
        self.gathered.to_store(self.outcome.as_ref()?, has_content)
    }
}
