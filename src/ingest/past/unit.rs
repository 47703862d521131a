//! One unit: reads or compares its window, and records the result.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::past::compare;
use crate::ingest::patience::persist;
use crate::ingest::run::Run;
use crate::ingest::verdict::{self, Halt};
use crate::ingest::walk::parts_for;
use crate::ingest::{Poller, Source};
use crate::model::time::Window;
use crate::store::StoreError;
use crate::store::backfill::end::{self, Again, UnitRun};
use crate::store::backfill::{Backfill, Claimed, Purpose, Unit, UnitEnd};
use crate::store::reconciliation::Comparison;
use crate::store::run::{Finish, Verdict};

/// Most tries of a unit of a backfill. Each of its calls was retried several times by then.
const MAX_ATTEMPTS: i32 = 3;

/// Consequence of one unit for the next one.
#[derive(Debug)]
pub(super) enum Worked {
    /// Continue.
    On,
    /// The provider could not be reached; holds the reason.
    Outage(String),
    /// Further units would fail too; holds the reason.
    GaveUp(String),
}

/// Result of a unit whose calls were answered.
pub(super) enum Outcome {
    /// It is finished.
    Ended(UnitEnd, Option<Box<Comparison>>),
    /// It holds so many records that its parts become units of their own.
    TooMuch(u64),
}

/// Processes a claimed unit. Errors where the database fails; the claim then expires.
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
    let finish = run.as_ref().map(|run| conclude(run, &outcome));
    let run = run.zip(finish.as_ref()).map(|(run, finish)| UnitRun { run_id: run.id, finish, progress: run.progress });
    let now = poller.clock.now();
    let settled = match decide(source, backfill, claimed, now, outcome) {
        Ok((last, worked)) => {
            let written =
                persist(poller, source, &poller.stop, || write(poller, &claimed.unit, run.as_ref(), &last, now));
            written.await.map(|()| worked)
        }
        Err(error) => Err(error),
    };
    match settled {
        Err(StoreError::UnitLost { unit_id }) => {
            tracing::info!(source = %source.slug, unit_id, "another process holds the unit now");
            if let Some(run) = &run {
                end::close_run(&poller.pool, run, now).await?;
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

/// Returns how the run of the unit ended, for the journal.
fn conclude(run: &Run<'_>, outcome: &Result<Outcome, Halt>) -> Finish {
    match outcome {
        Ok(Outcome::Ended(..)) => verdict::judge(run, Ok(())),
        Ok(Outcome::TooMuch(total)) => {
            let reason = format!("the window holds {total} records and was split");
            Finish { verdict: Verdict::Incomplete, reason: Some(reason), ..verdict::judge(run, Ok(())) }
        }
        Err(halt) => verdict::judge(run, Err(halt)),
    }
}

/// Kinds of halt, by the reaction to them.
enum Trouble {
    /// The worker stops, or lost its claim on the unit.
    Stopped,
    /// The provider allows no call before this instant.
    Wait(DateTime<Utc>),
    /// The provider could not be reached.
    Outage(String),
    /// Any other call would fail too.
    Final(String),
    /// The failure may concern this one unit only.
    Local(String),
}

impl Trouble {
    fn of(halt: &Halt) -> Self {
        match halt {
            Halt::Cancelled | Halt::Store(_) => Self::Stopped,
            Halt::SameAccount(detail) => Self::Final(detail.clone()),
            Halt::Pull(error) => Self::of_provider(error),
        }
    }

    fn of_provider(error: &PullError) -> Self {
        let policy = error.kind.policy();
        let detail = format!("{error}. {}", policy.advice);
        match (&error.kind, policy.action) {
            (PullErrorKind::RateLimited { until }, _) => Self::Wait(*until),
            (PullErrorKind::Transient, _) => Self::Outage(detail),
            (kind, _) if !kind.is_of_provider() => Self::Outage(detail),
            (_, Action::Stop | Action::SkipRecord) if !policy.may_be_local => Self::Final(detail),
            _ => Self::Local(detail),
        }
    }
}

/// The final write of a unit.
enum Last {
    Finish(UnitEnd, Option<Box<Comparison>>),
    Split(Vec<Window>),
    GiveBack(Again),
}

fn again(after: Duration) -> Last {
    Last::GiveBack(Again { after, is_counted: false })
}

fn not_compared(claimed: &Claimed, reason: &str) -> Last {
    let failed = compare::failed(claimed.window, reason);
    Last::Finish(UnitEnd::Failed(reason.to_owned()), Some(Box::new(failed)))
}

/// Decides the state of the unit and whether to continue. Errors only with database errors.
fn decide(
    source: &Source,
    backfill: &Backfill,
    claimed: &Claimed,
    now: DateTime<Utc>,
    outcome: Result<Outcome, Halt>,
) -> Result<(Last, Worked), StoreError> {
    let halt = match outcome {
        Ok(Outcome::Ended(end, compared)) => return Ok((Last::Finish(end, compared), Worked::On)),
        Ok(Outcome::TooMuch(total)) => {
            let policy = source.past.policy(backfill.place.stream);
            let parts = policy.map_or(2, |policy| parts_for(total, &policy));
            return Ok((Last::Split(claimed.window.split(parts)), Worked::On));
        }
        Err(Halt::Store(error)) => return Err(error),
        Err(halt) => halt,
    };
    let is_comparison = backfill.purpose == Purpose::Reconcile;
    Ok(match Trouble::of(&halt) {
        Trouble::Stopped => (again(Duration::ZERO), Worked::On),
        Trouble::Wait(until) => {
            let wait = (until - now).to_std().unwrap_or_default().max(Duration::from_millis(200));
            (again(wait), Worked::On)
        }
        // a window that was not compared today is compared by the next reconciliation; the others need not wait for
        // it
        Trouble::Final(reason) if is_comparison => (not_compared(claimed, &reason), Worked::GaveUp(reason)),
        Trouble::Outage(reason) if is_comparison => (not_compared(claimed, &reason), Worked::Outage(reason)),
        Trouble::Local(reason) if is_comparison => (not_compared(claimed, &reason), Worked::On),
        Trouble::Final(reason) => (again(Duration::ZERO), Worked::GaveUp(reason)),
        Trouble::Outage(reason) => (again(Duration::from_secs(1)), Worked::Outage(reason)),
        Trouble::Local(reason) if claimed.attempts >= MAX_ATTEMPTS => {
            (Last::Finish(UnitEnd::Failed(reason), None), Worked::On)
        }
        Trouble::Local(_) => {
            let after = Duration::from_secs(1) * u32::try_from(claimed.attempts).unwrap_or(1);
            (Last::GiveBack(Again { after, is_counted: true }), Worked::On)
        }
    })
}

async fn write(
    poller: &Poller,
    unit: &Unit,
    run: Option<&UnitRun<'_>>,
    last: &Last,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let pool = &poller.pool;
    match (last, run) {
        (Last::Finish(end, compared), run) => end::finish(pool, unit, end, run, compared.as_deref(), now).await,
        (Last::Split(parts), Some(run)) => end::split(pool, unit, parts, run, now).await,
        (Last::Split(_), None) => Ok(()),
        (Last::GiveBack(again), run) => end::give_back(pool, unit, *again, run, now).await,
    }
}
