//! What an answer, an absence or a failure means at the session's age, and when to ask again.
//!
//! Nobody says whether a file that is not there is late, was never made, or is gone; only the calendar can
//! tell. Ages count from the session's end, or from when we had the file made. Pure: the present is an argument.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::ArtifactPolicy;
use crate::connector::error::PullError;
use crate::model::artifact::{Absence, ArtifactState};
use crate::model::stream::Stream;
use crate::store::artifact::{Decision, Task};

/// A session that has run for so many intervals is asked for less often: it may run for days.
const LIVE_SLOWDOWN: i32 = 24;
/// What failed in passing or was refused is tried again after this, then after twice as long, and so on; sooner
/// where the calendar says so.
const SOON: TimeDelta = TimeDelta::minutes(5);
/// What was refused waits no longer than this while the provider still keeps it.
const LONGEST_REFUSED: TimeDelta = TimeDelta::hours(1);
/// Once the provider is thought to keep it no longer, no wait is longer than this.
const LONGEST_LATE: TimeDelta = TimeDelta::days(1);
/// Tries after which what fails in passing is given up, once the provider is thought to keep it no longer.
const MOST_LATE_TRIES: i32 = 10;
/// Tries after which what is refused is given up, once the provider keeps it no longer.
const MOST_REFUSALS: i32 = 30;

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Something was stored.
    Found,
    /// It was there, well-formed, and holds nothing.
    FoundEmpty,
    /// Part of it was stored; the rest is known to be missing.
    FoundPart {
        /// What is missing, for people.
        detail: String,
    },
    /// More of it can be asked for at once.
    MoreToAsk,
    /// It was not there.
    Absent(Absence),
    /// It could not be had or read.
    Failed {
        /// Class, for programs.
        class: String,
        /// In words.
        detail: String,
        /// The failure is likely gone in a moment.
        is_passing: bool,
    },
    /// The provider would not answer this call: it refused the credential or the request, or asked for patience.
    Refused {
        /// Class, for programs.
        class: &'static str,
        /// In words.
        detail: String,
        /// No call before this.
        until: Option<DateTime<Utc>>,
    },
}

impl Outcome {
    /// The provider would not answer.
    pub(super) fn refused(error: &PullError) -> Self {
        let class = error.kind.policy().class;
        Self::Refused { class, detail: error.to_string(), until: error.retry_at() }
    }
}

/// What becomes of the task.
pub(super) fn decide(task: &Task, policy: &ArtifactPolicy, outcome: &Outcome, now: DateTime<Utc>) -> Decision {
    let next = next_try_at(task, policy, now);
    let had_content = matches!(task.state, ArtifactState::Available | ArtifactState::Empty);
    let decision = |state, next_try_at, reason: Option<&str>, detail: Option<String>| Decision {
        state,
        next_try_at,
        reason: reason.map(str::to_owned),
        detail,
    };
    match outcome {
        Outcome::Found => decision(ArtifactState::Available, settles_at(task, policy, now), None, None),
        Outcome::MoreToAsk => decision(task.state, Some(now), Some("in_parts"), None),
        Outcome::FoundEmpty => {
            // what is filled in late looks empty first
            let next = next.filter(|at| task.counts_from().is_none_or(|from| *at <= from + policy.settles_after));
            let state = if task.state == ArtifactState::Available { task.state } else { ArtifactState::Empty };
            decision(state, next, Some("no_content"), None)
        }
        Outcome::FoundPart { detail } => {
            decision(ArtifactState::Available, next, Some("incomplete"), Some(detail.clone()))
        }
        // what was stored once stays, whatever the provider does with it
        Outcome::Absent(absence) if had_content => {
            decision(task.state, settles_at(task, policy, now), Some(absence.as_str()), None)
        }
        Outcome::Absent(absence) => match next {
            Some(_) => decision(ArtifactState::Pending, next, Some(absence.as_str()), None),
            None => decision(given_up(task, *absence), None, Some(absence.as_str()), None),
        },
        Outcome::Failed { class, detail, is_passing } => {
            let next = match next {
                Some(next) if *is_passing => Some(next.min(now + doubled(task))),
                // an outage must not decide for good about what is old
                None if *is_passing && task.attempts < MOST_LATE_TRIES => Some(now + doubled(task).min(LONGEST_LATE)),
                other => other,
            };
            let state = if had_content {
                task.state
            } else if next.is_some() {
                ArtifactState::Pending
            } else {
                ArtifactState::Failed
            };
            decision(state, next, Some(class), Some(detail.clone()))
        }
        Outcome::Refused { class, detail, until } => {
            // patience is asked of whoever happens to call: only who is met by it again goes behind the others
            let is_chance = until.is_some() && task.attempts <= 2;
            let from = until.unwrap_or(now).max(now);
            let next = if is_chance { Some(from) } else { after_refusal(task, from) };
            let state = if had_content || next.is_some() { task.state } else { ArtifactState::Failed };
            decision(state, next, Some(class), Some(detail.clone()))
        }
    }
}

/// When to ask again for what was refused, counted from `from`. Later than others, so that one session that is
/// always refused is not always the next; never so late that it is lost meanwhile. A credential may be wrong for
/// weeks, so this gives up late.
fn after_refusal(task: &Task, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wait = doubled(task);
    match task.expires_at {
        Some(expires_at) if expires_at <= from && task.attempts >= MOST_REFUSALS => None,
        Some(expires_at) if expires_at <= from => Some(from + wait.min(LONGEST_LATE)),
        Some(expires_at) => {
            let half_way = ((expires_at - from) / 2).max(TimeDelta::minutes(1));
            Some(from + wait.min(LONGEST_REFUSED).min(half_way))
        }
        None => Some(from + wait.min(LONGEST_REFUSED)),
    }
}

/// The wait after a failure: longer with each try.
fn doubled(task: &Task) -> TimeDelta {
    let doublings = u32::try_from(task.attempts.clamp(1, 16) - 1).unwrap_or_default();
    SOON * 2_i32.saturating_pow(doublings)
}

/// What nothing means once the provider keeps nothing any more.
fn given_up(task: &Task, absence: Absence) -> ArtifactState {
    let was_asked_in_time = task.expires_at.is_none_or(|expires_at| task.first_attempt_at < expires_at);
    match absence {
        Absence::ZeroBytes => ArtifactState::Empty,
        // every session has participants: a provider that knows none does not know the session
        Absence::NotFound | Absence::NoLink if task.stream == Stream::Participants => ArtifactState::Failed,
        Absence::NotFound | Absence::NoLink if was_asked_in_time => ArtifactState::NotEnabled,
        Absence::NotFound | Absence::NoLink | Absence::LinkDead => ArtifactState::Expired,
    }
}

/// When what was found is looked at once more; `None`: it does not change any more.
fn settles_at(task: &Task, policy: &ArtifactPolicy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match task.counts_from() {
        None => next_try_at(task, policy, now),
        Some(from) => Some(from + policy.settles_after).filter(|at| *at > now),
    }
}

/// The next age at which to ask; `None` once the provider keeps nothing any more.
fn next_try_at(task: &Task, policy: &ArtifactPolicy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let Some(from) = task.counts_from() else {
        let every = policy.while_live.unwrap_or(policy.then_every);
        return Some(now + every.max((now - task.session.started_at) / LIVE_SLOWDOWN));
    };
    let expires_at = task.expires_at.unwrap_or(from + policy.retention);
    if now >= expires_at {
        return None;
    }
    let listed = policy.tries_after.iter().map(|age| from + *age).find(|at| *at > now);
    let next = listed.unwrap_or_else(|| step_before(from, policy, now) + policy.then_every);
    Some(next.min(expires_at))
}

/// When the age began at which the task is asked for now: what was asked since belongs to the same try.
pub(super) fn round_began_at(task: &Task, policy: &ArtifactPolicy, now: DateTime<Utc>) -> DateTime<Utc> {
    let Some(from) = task.counts_from() else { return now };
    let listed = policy.tries_after.iter().map(|age| from + *age);
    let reached = listed.filter(|at| *at <= now).max().unwrap_or(from);
    let last = from + policy.tries_after.last().copied().unwrap_or_default();
    let reached = if now < last { reached } else { step_before(from, policy, now) };
    // after the last age nothing is asked for twice
    task.expires_at.map_or(reached, |expires_at| reached.min(expires_at))
}

/// The last of the regular steps after the listed ages that is not after `now`.
fn step_before(from: DateTime<Utc>, policy: &ArtifactPolicy, now: DateTime<Utc>) -> DateTime<Utc> {
    let last = from + policy.tries_after.last().copied().unwrap_or_default();
    let step_seconds = policy.then_every.num_seconds().max(1);
    let steps = (now - last).num_seconds().div_euclid(step_seconds);
    last + TimeDelta::seconds(steps.saturating_mul(step_seconds))
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
