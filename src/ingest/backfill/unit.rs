//! One unit: reads or compares its window, and records the result.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::connector::StreamPolicy;
use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::ingest::poller::{Poller, Source};
use crate::ingest::reconcile::compare;
use crate::ingest::run::Run;
use crate::ingest::verdict::{Halt, RunFacts, judge};
use crate::ingest::walk::parts_for;
use crate::ingest::write_retry::persist;
use crate::model::time::Window;
use crate::store::StoreError;
use crate::store::backfill::end::{self, Retry, UnitRun};
use crate::store::backfill::{Backfill, Claimed, Purpose, Unit, UnitEnd};
use crate::store::reconciliation::{Comparison, ComparisonState};
use crate::store::run::Finish;

/// Most tries of a unit of a backfill. Each of its calls was retried several times by then.
const MAX_ATTEMPTS: i32 = 3;

/// Result of a unit whose calls were answered.
enum UnitOutcome {
    /// It is finished.
    Ended(UnitEnd, Option<Box<Comparison>>),
    /// It holds so many records that its parts become units of their own.
    TooMuch(u64),
}

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

/// Processes a claimed unit. Errors where the database fails; the claim then expires.
pub(super) async fn work_on(
    poller: &Poller,
    source: &Source,
    backfill: &Backfill,
    claimed: &Claimed,
) -> Result<Worked, StoreError> {
    let mut run = None;
    let outcome = read_or_compare(poller, source, backfill, claimed, &mut run).await;
    let finish = run.as_ref().map(|run| finish(run, &outcome));
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

async fn read_or_compare<'a>(
    poller: &'a Poller,
    source: &'a Source,
    backfill: &Backfill,
    claimed: &Claimed,
    slot: &mut Option<Run<'a>>,
) -> Result<UnitOutcome, Halt> {
    let Some(policy) = source.backfill_connector.policy(backfill.stream_key.stream) else {
        return Ok(UnitOutcome::Ended(UnitEnd::Failed("the provider has no such stream".to_owned()), None));
    };
    // each part of a list that ignores the filter is the whole list
    let split_above_records = if backfill.is_unfiltered { u64::MAX } else { policy.split_above_records };
    let policy = StreamPolicy { split_above_records, ..policy };
    if backfill.purpose == Purpose::Reconcile {
        let compared = compare::compare(poller, source, backfill, claimed, policy, slot).await?;
        let end = match (&compared.state, &compared.reason) {
            (ComparisonState::Match | ComparisonState::Healed, _) => UnitEnd::Proven,
            (_, reason) => UnitEnd::Doubtful(reason.clone().unwrap_or_default()),
        };
        return Ok(UnitOutcome::Ended(end, Some(Box::new(compared))));
    }
    let started = Run::start_unit(poller, source, claimed.unit, backfill.purpose, &claimed.window).await;
    let run = slot.insert(started.map_err(Halt::Store)?);
    if let Some(total) = run.cover_unit(claimed.window, &policy).await? {
        return Ok(UnitOutcome::TooMuch(total));
    }
    let end = judge(&run.facts()).reason.map_or(UnitEnd::Proven, UnitEnd::Doubtful);
    Ok(UnitOutcome::Ended(end, None))
}

/// Returns how the run of the unit ended, for the journal.
fn finish(run: &Run<'_>, outcome: &Result<UnitOutcome, Halt>) -> Finish {
    let facts = match outcome {
        Ok(UnitOutcome::Ended(..)) => run.facts(),
        Ok(UnitOutcome::TooMuch(total)) => RunFacts { split_total: Some(*total), ..run.facts() },
        Err(halt) => RunFacts { halt: Some(halt), ..run.facts() },
    };
    run.end(judge(&facts))
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
    GiveBack(Retry),
}

fn retry(after: Duration) -> Last {
    Last::GiveBack(Retry { after, is_counted: false })
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
    outcome: Result<UnitOutcome, Halt>,
) -> Result<(Last, Worked), StoreError> {
    let halt = match outcome {
        Ok(UnitOutcome::Ended(end, compared)) => return Ok((Last::Finish(end, compared), Worked::On)),
        Ok(UnitOutcome::TooMuch(total)) => {
            let policy = source.backfill_connector.policy(backfill.stream_key.stream);
            let parts = policy.map_or(2, |policy| parts_for(total, &policy));
            return Ok((Last::Split(claimed.window.split(parts)), Worked::On));
        }
        Err(Halt::Store(error)) => return Err(error),
        Err(halt) => halt,
    };
    let is_comparison = backfill.purpose == Purpose::Reconcile;
    Ok(match Trouble::of(&halt) {
        Trouble::Stopped => (retry(Duration::ZERO), Worked::On),
        Trouble::Wait(until) => {
            let wait = (until - now).to_std().unwrap_or_default().max(Duration::from_millis(200));
            (retry(wait), Worked::On)
        }
        // a window that was not compared today is compared by the next reconciliation; the others need not wait for
        // it
        Trouble::Final(reason) if is_comparison => (not_compared(claimed, &reason), Worked::GaveUp(reason)),
        Trouble::Outage(reason) if is_comparison => (not_compared(claimed, &reason), Worked::Outage(reason)),
        Trouble::Local(reason) if is_comparison => (not_compared(claimed, &reason), Worked::On),
        Trouble::Final(reason) => (retry(Duration::ZERO), Worked::GaveUp(reason)),
        Trouble::Outage(reason) => (retry(Duration::from_secs(1)), Worked::Outage(reason)),
        Trouble::Local(reason) if claimed.attempts >= MAX_ATTEMPTS => {
            (Last::Finish(UnitEnd::Failed(reason), None), Worked::On)
        }
        Trouble::Local(_) => {
            let after = Duration::from_secs(1) * u32::try_from(claimed.attempts).unwrap_or(1);
            (Last::GiveBack(Retry { after, is_counted: true }), Worked::On)
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
        (Last::GiveBack(retry), run) => end::give_back(pool, unit, *retry, run, now).await,
    }
}
