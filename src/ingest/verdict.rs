//! The verdict of every run, and its reason: [`judge`] decides it from facts.
//!
//! Polls, units of past work and passes over artifacts gather their facts, and call it at their end. This module knows
//! none of them. A run whose process was killed has no such end: the next run of its stream marks it (`store/run.rs`).

use crate::connector::error::{Action, PullError, PullErrorKind};
use crate::connector::own_resources;
use crate::model::verdict::{CLOCK_SKEW, SCHEMA_DRIFT};
use crate::store::StoreError;
use crate::store::artifact::owed::OwedTasks;
use crate::store::field_presence::MissingField;
use crate::store::run::{RunOutcome, Verdict};

/// Class of the error of a run in which an empty list denies stored sessions.
const EMPTY_LIST: &str = "empty_list";

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

/// The facts about a run at its end.
#[derive(Debug, Default)]
pub(super) struct RunFacts<'a> {
    /// The reason why it ended before its work was done.
    pub(super) halt: Option<&'a Halt>,
    /// Documented fields that its records lack.
    pub(super) missing_fields: &'a [MissingField],
    /// What it could not prove, a sentence each.
    pub(super) doubts: &'a [String],
    /// Whether an empty list denied stored sessions.
    pub(super) is_denied: bool,
    /// Number of records in the window of a unit that is split because it holds too many.
    pub(super) split_total: Option<u64>,
    /// What the stream of a pass owes.
    pub(super) owed: &'a [OwedTasks],
    /// The last failed try of a pass: class and description.
    pub(super) failure: Option<&'a (String, String)>,
}

/// Decides how a run ended.
pub(super) fn judge(facts: &RunFacts<'_>) -> RunOutcome {
    match facts.halt {
        // what a stopped pass owes matters more than that it was stopped
        Some(Halt::Cancelled) if !facts.owed.is_empty() => {}
        Some(halt) => return halted(halt),
        None => {}
    }
    let incomplete = |reason: String, error| outcome(Verdict::Incomplete, Some(reason), error);
    if let Some(total) = facts.split_total {
        return incomplete(format!("the window holds {total} records and was split"), None);
    }
    let fields: Vec<String> = facts.missing_fields.iter().map(ToString::to_string).collect();
    let fields = (!fields.is_empty()).then(|| fields.join("; "));
    let owed = (!facts.owed.is_empty()).then(|| owed_in_words(facts.owed));
    if let (Some(most), Some(reason), None) = (facts.owed.first(), &owed, &fields) {
        let error = facts.failure.cloned().unwrap_or_else(|| (most.class.clone(), reason.clone()));
        return incomplete(reason.clone(), Some(error));
    }
    let class = match fields {
        Some(_) => SCHEMA_DRIFT,
        None if facts.is_denied => EMPTY_LIST,
        None => "incomplete",
    };
    let doubt = facts.doubts.first().map(|first| match facts.doubts.len() {
        1 => first.clone(),
        more => format!("{first}; and {} more", more - 1),
    });
    let reasons: Vec<String> = fields.into_iter().chain(owed).chain(doubt).collect();
    if reasons.is_empty() {
        return outcome(Verdict::Complete, None, None);
    }
    let reason = reasons.join("; and ");
    incomplete(reason.clone(), Some((class.to_owned(), reason)))
}

fn outcome(verdict: Verdict, reason: Option<String>, error: Option<(String, String)>) -> RunOutcome {
    RunOutcome { verdict, reason, error, http_status: None, parked_until: None }
}

/// Returns the outcome of a run that ended before its work was done.
fn halted(halt: &Halt) -> RunOutcome {
    let cancelled = |reason: &str| outcome(Verdict::Cancelled, Some(reason.to_owned()), None);
    let failed =
        |class: &str, detail: String| outcome(Verdict::Failed, Some(detail.clone()), Some((class.to_owned(), detail)));
    match halt {
        Halt::Cancelled => cancelled("the service was stopped, or its settings changed; the next run continues"),
        Halt::Store(StoreError::Paused { .. }) => {
            cancelled("an operator paused the stream; saved pages stay, and the next run continues from there")
        }
        Halt::Store(error) => {
            let class = match error {
                _ if own_resources::is_lacking(error) => "own_resources",
                StoreError::LeaseLost { .. } | StoreError::UnitLost { .. } => "lease_lost",
                StoreError::Outdated { .. } => "outdated",
                StoreError::Database { .. } | StoreError::Paused { .. } | StoreError::SourceRemoved { .. } => {
                    "database"
                }
            };
            failed(class, error.cause())
        }
        Halt::SameAccount(detail) => failed("same_account", detail.clone()),
        Halt::Pull(error) => {
            let policy = error.kind.policy();
            let is_wait = policy.action == Action::WaitUntil;
            let verdict = if is_wait { Verdict::RateLimited } else { Verdict::Failed };
            let error_pair = Some((policy.class.to_owned(), error.to_string()));
            let parked_until = error.retry_at();
            RunOutcome {
                parked_until,
                http_status: error.http_status,
                ..outcome(verdict, Some(policy.advice.to_owned()), error_pair)
            }
        }
    }
}

/// Describes what a stream owes: how many tasks, of which kind, and when the next try is.
fn owed_in_words(owed: &[OwedTasks]) -> String {
    let count: i64 = owed.iter().map(|owed| owed.count).sum();
    let stream = owed.first().map_or("", |owed| owed.stream.as_str());
    let classes: Vec<String> = owed.iter().map(|owed| format!("{} {}", owed.count, owed.class)).collect();
    let next = owed.iter().filter_map(|owed| owed.next_try_at).min();
    let next = next.map(|at| format!("; next try at {}", at.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    format!("{count} {stream} owed: {}{next}", classes.join(", "))
}

/// Returns advice for the operator about a class of errors in the journal, in one sentence.
pub fn advice_for(class: &str) -> Option<&'static str> {
    PullErrorKind::advice_for(class).or(match class {
        "incomplete" => Some(
            "The received records are stored, and only proven ranges count as complete. The range is read again \
             automatically; if this persists, compare the provider's own count.",
        ),
        SCHEMA_DRIFT => Some(
            "The provider no longer sends a documented field; stored values stay, and new ones are missing. Compare \
             the provider's API with this version. Once the field is back, the records without it are read again \
             automatically; if it is gone for good, name it in dropped_fields of the source.",
        ),
        EMPTY_LIST => Some(
            "The provider lists nothing where sessions are stored. They stay, and are treated as deleted only if a second \
             reading a day later says the same; check the account and the rights of the key.",
        ),
        "no_length" => Some(
            "The host sends files without a length, so that a truncated one looks whole. They are stored, and count as \
             read once a second reading a day later is the same.",
        ),
        CLOCK_SKEW => Some(
            "Set the clock that the error names (NTP); a provider's clock is its own to set. Until then sessions count \
             as complete up to the earliest clock only, and the newest are found later. The next poll compares again.",
        ),
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
    })
}
