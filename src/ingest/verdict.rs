//! The verdict of a run, and its reason.

use crate::connector::error::{Action, PullError};
use crate::connector::own_resources;
use crate::ingest::drift;
use crate::ingest::run::Run;
use crate::store::StoreError;
use crate::store::run::{Finish, Verdict};

/// The reason why a run ends early.
#[derive(Debug)]
pub(super) enum Halt {
    /// A failed call to the provider.
    Pull(PullError),
    /// A failure of the database, or a lost lease.
    Store(StoreError),
    /// The account is stored under another source.
    SameAccount(String),
    /// The service stops.
    Cancelled,
}

/// Whether further calls make sense after this: not if the provider refuses them, nor without a database.
pub(super) fn leaves_calls_open(outcome: &Result<(), Halt>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(Halt::Pull(error)) => error.kind.policy().may_be_local,
        Err(Halt::Store(_) | Halt::SameAccount(_) | Halt::Cancelled) => false,
    }
}

/// Returns the verdict of the run.
pub(super) fn judge(run: &Run<'_>, outcome: Result<(), &Halt>) -> Finish {
    let finish = |verdict, reason: Option<String>, error| Finish {
        tally: run.tally(),
        verdict,
        reason,
        error,
        parked_until: None,
        provider_total: run.provider_total,
        distinct_count: run.distinct_count,
    };
    match outcome {
        Err(Halt::Cancelled) => finish(
            Verdict::Cancelled,
            Some("the service was stopped, or its settings changed; the next run continues".to_owned()),
            None,
        ),
        Err(Halt::Store(StoreError::Paused { .. })) => {
            let reason = "an operator paused the stream; saved pages stay, and the next run continues from there";
            finish(Verdict::Cancelled, Some(reason.to_owned()), None)
        }
        Err(Halt::Store(error)) => {
            let class = match error {
                _ if own_resources::is_lacking(error) => "own_resources",
                StoreError::LeaseLost { .. } | StoreError::UnitLost { .. } => "lease_lost",
                StoreError::Outdated { .. } => "outdated",
                StoreError::Database { .. } | StoreError::Paused { .. } => "database",
            };
            let detail = error.cause();
            tracing::error!(detail, "a run ended with a database error");
            finish(Verdict::Failed, Some(detail.clone()), Some((class.to_owned(), detail)))
        }
        Err(Halt::SameAccount(detail)) => {
            let error = Some(("same_account".to_owned(), detail.clone()));
            finish(Verdict::Failed, Some(detail.clone()), error)
        }
        Err(Halt::Pull(error)) => {
            let policy = error.kind.policy();
            let is_wait = policy.action == Action::WaitUntil;
            let verdict = if is_wait { Verdict::RateLimited } else { Verdict::Failed };
            let error_pair = Some((policy.class.to_owned(), error.to_string()));
            let mut finish = finish(verdict, Some(policy.advice.to_owned()), error_pair);
            finish.parked_until = error.retry_at();
            finish
        }
        Ok(()) => match (drift::described(&run.missing_fields), doubt(run)) {
            (None, None) => finish(Verdict::Complete, None, None),
            (None, Some(doubt)) => {
                finish(Verdict::Incomplete, Some(doubt.clone()), Some(("incomplete".to_owned(), doubt)))
            }
            (Some(drift), doubt) => {
                let reason = doubt.map_or_else(|| drift.clone(), |doubt| format!("{drift}; and {doubt}"));
                finish(Verdict::Incomplete, Some(reason.clone()), Some((drift::CLASS.to_owned(), reason)))
            }
        },
    }
}

/// Returns advice for the operator about the classes of errors that do not come from a provider.
pub(super) fn advice_for(class: &str) -> Option<&'static str> {
    match class {
        "incomplete" => Some(
            "The received records are stored, and only proven ranges count as complete. The range is read again \
             automatically; if this persists, compare the provider's own count.",
        ),
        drift::CLASS => Some(drift::ADVICE),
        "same_account" => Some(
            "Nothing of the source is stored while its account is stored under another slug; the error names the way out.",
        ),
        "lease_lost" => Some(
            "Another poller took over the stream; if this happens often, processes are suspended or short of CPU time.",
        ),
        "outdated" => {
            Some("The poller was suspended between the request and saving its page; the next run reads the page again.")
        }
        "crashed" => Some("The poller was killed or ran out of memory; look at its log. Nothing is lost."),
        _ => None,
    }
}

pub(super) fn doubt(run: &Run<'_>) -> Option<String> {
    let first = run.doubts.first()?;
    Some(match run.doubts.len() {
        1 => first.clone(),
        more => format!("{first}; and {} more", more - 1),
    })
}
