//! One unit: read or compared, and ended by what became of it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::past::compare;
use crate::ingest::run::Run;
use crate::ingest::verdict::{self, Halt};
use crate::ingest::walk::parts_for;
use crate::ingest::{Poller, Source};
use crate::store::StoreError;
use crate::store::backfill::end::{self, Again, UnitRun};
use crate::store::backfill::{Backfill, Claimed, Purpose, UnitEnd};
use crate::store::reconciliation::Comparison;
use crate::store::run::{Finish, Verdict};

/// Tries of a unit of a backfill. Each call was tried several times by then.
const MAX_ATTEMPTS: i32 = 3;

/// What working on a unit says about the next one.
#[derive(Debug)]
pub(super) enum Worked {
    /// Go on.
    On,
    /// The provider could not be reached; says why.
    Outage(String),
    /// There is no use in going on; says why.
    GaveUp(String),
}

/// What became of a unit that could be asked for.
pub(super) enum Outcome {
    /// It is over.
    Ended(UnitEnd, Option<Comparison>),
    /// It holds so many records that its parts are to be units of their own.
    TooMuch(u64),
}

/// Works on a claimed unit. Errors where the database fails; the claim then runs out by itself.
pub(super) async fn work_on(
    poller: &Poller,
    source: &Source,
    backfill: &Backfill,
    claimed: &Claimed,
) -> Result<Worked, StoreError> {
    let mut run = None;
    let outcome = match backfill.purpose {
        Purpose::Backfill => read(poller, source, backfill, claimed, &mut run).await,
        Purpose::Reconcile => compare::compare(poller, source, backfill, claimed, &mut run).await,
    };
    let trouble = outcome.as_ref().err().map(Trouble::of);
    let finish = run.as_ref().map(|run| conclude(run, &outcome));
    let run = run.zip(finish.as_ref()).map(|(run, finish)| UnitRun { run_id: run.id, finish, progress: run.progress });
    match settle(poller, source, backfill, claimed, run.as_ref(), outcome, trouble).await {
        Err(StoreError::UnitLost { unit_id }) => {
            tracing::info!(source = %source.slug, unit_id, "the unit is somebody else's by now");
            if let Some(run) = &run {
                end::close_run(&poller.pool, run, poller.clock.now()).await?;
            }
            Ok(Worked::On)
        }
        settled => settled,
    }
}

async fn read<'a>(
    poller: &'a Poller,
    source: &'a Source,
    backfill: &Backfill,
    claimed: &Claimed,
    slot: &mut Option<Run<'a>>,
) -> Result<Outcome, Halt> {
    let Some(mut policy) = source.past.policy(backfill.place.stream) else {
        return Ok(Outcome::Ended(UnitEnd::Failed("the provider has no such stream".to_owned()), None));
    };
    if backfill.is_unfiltered {
        policy.split_above_records = u64::MAX;
    }
    let started = Run::start_unit(poller, source, claimed.unit, backfill.purpose, &claimed.window).await;
    let run = slot.insert(started.map_err(Halt::Store)?);
    if let Some(total) = run.cover_unit(claimed.window, &policy).await? {
        return Ok(Outcome::TooMuch(total));
    }
    let end = verdict::doubt(run).map_or(UnitEnd::Proven, UnitEnd::Doubtful);
    Ok(Outcome::Ended(end, None))
}

/// How the run of the unit ended, for the journal.
fn conclude(run: &Run<'_>, outcome: &Result<Outcome, Halt>) -> Finish {
    match outcome {
        Ok(Outcome::Ended(..)) => verdict::judge(run, Ok(())),
        Ok(Outcome::TooMuch(total)) => {
            let reason = format!("it holds {total} records and was cut into parts");
            Finish { verdict: Verdict::Incomplete, reason: Some(reason), ..verdict::judge(run, Ok(())) }
        }
        Err(halt) => verdict::judge(run, Err(halt)),
    }
}

/// What is to be done about a halt.
enum Trouble {
    /// We stop, or the unit is not ours.
    Stopped,
    /// The provider wants no call before this.
    Wait(DateTime<Utc>),
    /// The provider could not be reached.
    Outage(String),
    /// Any other call would fail too.
    Final(String),
    /// It may lie in this one unit.
    Local(String),
    /// The database.
    Store,
}

impl Trouble {
    fn of(halt: &Halt) -> Self {
        match halt {
            Halt::Cancelled => Self::Stopped,
            Halt::Store(_) => Self::Store,
            Halt::Pull(error) => Self::of_provider(error),
        }
    }

    fn of_provider(error: &PullError) -> Self {
        let policy = error.kind.policy();
        let detail = format!("{error}. {}", policy.advice);
        match (&error.kind, policy.action) {
            (PullErrorKind::RateLimited { until }, _) => Self::Wait(*until),
            (PullErrorKind::Transient | PullErrorKind::Unreached, _) => Self::Outage(detail),
            (_, Action::Stop | Action::SkipRecord) if !policy.may_be_local => Self::Final(detail),
            _ => Self::Local(detail),
        }
    }
}

fn uncounted(after: Duration) -> Again {
    Again { after, is_counted: false }
}

async fn settle(
    poller: &Poller,
    source: &Source,
    backfill: &Backfill,
    claimed: &Claimed,
    run: Option<&UnitRun<'_>>,
    outcome: Result<Outcome, Halt>,
    trouble: Option<Trouble>,
) -> Result<Worked, StoreError> {
    let (pool, now, unit) = (&poller.pool, poller.clock.now(), &claimed.unit);
    let halt = match (outcome, run) {
        (Ok(Outcome::Ended(end, compared)), run) => {
            end::finish(pool, unit, &end, run, compared.as_ref(), now).await?;
            return Ok(Worked::On);
        }
        (Ok(Outcome::TooMuch(total)), Some(run)) => {
            let policy = source.past.policy(backfill.place.stream);
            let parts = policy.map_or(2, |policy| parts_for(total, &policy));
            end::split(pool, unit, &claimed.window.split(parts), run, now).await?;
            return Ok(Worked::On);
        }
        (Ok(Outcome::TooMuch(_)), None) => return Ok(Worked::On),
        (Err(halt), _) => halt,
    };
    let is_comparison = backfill.purpose == Purpose::Reconcile;
    match trouble.unwrap_or(Trouble::Store) {
        Trouble::Store => {
            let Halt::Store(error) = halt else { return Ok(Worked::On) };
            Err(error)
        }
        Trouble::Stopped => {
            end::give_back(pool, unit, uncounted(Duration::ZERO), run, now).await?;
            Ok(Worked::On)
        }
        Trouble::Wait(until) => {
            let wait = (until - now).to_std().unwrap_or_default().max(Duration::from_millis(200));
            end::give_back(pool, unit, uncounted(wait), run, now).await?;
            Ok(Worked::On)
        }
        Trouble::Final(reason) | Trouble::Outage(reason) | Trouble::Local(reason) if is_comparison => {
            let failed = compare::failed(claimed.window, &reason);
            end::finish(pool, unit, &UnitEnd::Failed(reason.clone()), run, Some(&failed), now).await?;
            Ok(Worked::GaveUp(reason))
        }
        Trouble::Final(reason) => {
            end::give_back(pool, unit, uncounted(Duration::ZERO), run, now).await?;
            Ok(Worked::GaveUp(reason))
        }
        Trouble::Outage(reason) => {
            end::give_back(pool, unit, uncounted(Duration::from_secs(1)), run, now).await?;
            Ok(Worked::Outage(reason))
        }
        Trouble::Local(reason) if claimed.attempts >= MAX_ATTEMPTS => {
            end::finish(pool, unit, &UnitEnd::Failed(reason), run, None, now).await?;
            Ok(Worked::On)
        }
        Trouble::Local(_) => {
            let after = Duration::from_secs(1) * u32::try_from(claimed.attempts).unwrap_or(1);
            end::give_back(pool, unit, Again { after, is_counted: true }, run, now).await?;
            Ok(Worked::On)
        }
    }
}
