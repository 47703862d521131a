//! Retry schedule of artifacts: one table of what an answer, an absence or a fault means, and of the next try.
//!
//! No provider says whether a missing file is late, was never made, or is deleted, and no single answer says whether a
//! fault is permanent. So nothing that may be temporary settles a task. Ages count from the session's end, or from when
//! its generation was requested; the connector's `ArtifactPolicy` lists them (2 min, 10 min, 30 min, 2 h, 12 h, then
//! daily until the provider deletes the data). *Owed*: neither read nor given up, because of a fault or a refusal, or
//! because it is absent after the ages; it leaves the stream's runs incomplete.
//!
//! | result of a try | next try | owed | settled by |
//! |---|---|---|---|
//! | a fault (1) | seconds (2), then spread (3) | at once | 10 tries and 24 h, after the ages: `failed` |
//! | part of a list (4) | as for a fault | at once | 10 tries and 24 h, after the end: `available`, `incomplete` |
//! | a permanent fault (5) | at the ages, then a day later | at once | two tries 24 h apart, after the ages: `failed` |
//! | absent (6), within the ages | at the ages; seconds (2) once it should be made (7) | no | - |
//! | absent (6), after the ages | seconds (2), then 24 h after the first | at once | two tries 24 h apart (8) |
//! | a dead link, once made (7) | as a fault | at once | two tries 24 h apart, after the ages: `expired` |
//! | well-formed and empty | as found; then 24 h after the first | no | two tries 24 h apart: `empty`, or as stored |
//! | its end not shown (10) | at 2 h; then 24 h after the first | at once | two tries 24 h apart: `available` |
//! | refused credential, request | 5 min, doubled to 1 h, later to 24 h | at once | 30 tries after the ages: `failed` |
//! | no answer (9) | 30 s, or the stated instant | at once | never: it uses up no try |
//!
//! 1. `transient`, `file_cut`, `error_page`, `contract_error` (this call refused, an invalid format), `crashed`.
//! 2. Twice, within 4 s and within 12 s: a poll waits for these.
//! 3. 5 min, 20 min, 1 h, 3 h, 7 h, 13 h and 25 h after the first fault, then daily; at an age where that is sooner.
//! 4. The stated total is not reached, or a report fails. The received part is stored, unless it has no row and
//!    something is stored.
//! 5. `too_large`, `refused_by_database`: the same bytes fail again, so few tries are enough.
//! 6. `not_found`, `no_link`, `zero_bytes`.
//! 7. From the age at which a found artifact is settled: the file should exist by then.
//! 8. `expired`, `not_enabled` (if requested in time) or `empty`; `failed` for participants, which every session has.
//! 9. The provider was not reached, or allows no calls now.
//! 10. `no_length`: rows that end with their connection may lack any number of rows. A shorter file replaces none.
//!
//! Costs. A missing file of an old session costs four calls: three now and one a day later. For 2,000 old meetings with
//! all three files deleted that is 24,000 calls, about two hours of 200 a minute. So once [`USUAL_ABSENCES`] sessions
//! in a row have confirmed their absences in a pass, a further one gets no tries within seconds: two calls each, 12,000
//! in all. An empty file of an old session costs one more call, a day later. A settled task is requested again only
//! where its content lacks a field that is back. A fault costs ten tries. Pure functions: the present and chance are
//! arguments.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::ArtifactPolicy;
use crate::ingest::artifact::ages::next_age;
use crate::ingest::artifact::attempt_outcome::{AttemptOutcome, Moment};
use crate::ingest::artifact::refusals::after_refusal;
use crate::model::artifact::{Absence, ArtifactState};
use crate::model::stream::Stream;
use crate::store::artifact::task::{Owed, Task, TaskDecision};

/// Upper bounds of the waits before the second and the third try.
const QUICK: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(12)];
/// Latest of the tries within seconds.
pub(super) const LONGEST_QUICK: TimeDelta = TimeDelta::seconds(12);
/// Times after the first fault at which further tries are made.
const SPREAD: [TimeDelta; 7] = [
    TimeDelta::minutes(5),
    TimeDelta::minutes(20),
    TimeDelta::hours(1),
    TimeDelta::hours(3),
    TimeDelta::hours(7),
    TimeDelta::hours(13),
    TimeDelta::hours(25),
];
/// Tries after which a fault is given up,
pub(super) const LEAST_TRIES: i32 = 10;
/// and the shortest time they must span; also the time between two tries that settle an absence.
const A_DAY: TimeDelta = TimeDelta::days(1);
/// The wait where the time has passed with too few tries because no poller ran.
const CATCHING_UP: TimeDelta = TimeDelta::hours(1);
/// Number of sessions in a row with confirmed absences, after which a further absence is assumed to be permanent.
pub(super) const USUAL_ABSENCES: u32 = 20;

/// Decides the next state of the task.
pub(super) fn decide(task: &Task, policy: &ArtifactPolicy, outcome: &AttemptOutcome, moment: Moment) -> TaskDecision {
    let by_age = next_age(task, policy, moment.now);
    let table = Table { task, policy, moment, by_age };
    let has_content = matches!(task.state, ArtifactState::Available | ArtifactState::Empty);
    match outcome {
        AttemptOutcome::Found => Table::known(ArtifactState::Available, table.settles_at(), None),
        AttemptOutcome::FoundOpen { is_same } => table.found_open(*is_same),
        // the round continues: it began when it was due
        AttemptOutcome::MoreToAsk => TaskDecision {
            state: task.state,
            next_try_at: Some(task.due_at),
            reason: task.reason.clone(),
            detail: None,
            owed: task.owed,
        },
        AttemptOutcome::FoundEmpty => {
            let state = if task.state == ArtifactState::Available { task.state } else { ArtifactState::Empty };
            table.found_empty(state)
        }
        AttemptOutcome::FoundPart { detail } => table.fault("incomplete", detail, Some(ArtifactState::Available)),
        AttemptOutcome::FoundWithout(absence) => table.absent(*absence, Some(ArtifactState::Available)),
        // data stored once is kept, even if the provider deletes it
        AttemptOutcome::Absent(absence) if has_content && task.owed.faults_since().is_none() => {
            Table::known(task.state, table.settles_at(), Some(absence.as_str()))
        }
        AttemptOutcome::Absent(absence) => table.absent(*absence, has_content.then_some(task.state)),
        AttemptOutcome::Failed { class, detail, is_lasting: true } => {
            table.lasting(class, detail, has_content.then_some(task.state))
        }
        AttemptOutcome::Failed { class, detail, is_lasting: false } => {
            table.fault(class, detail, has_content.then_some(task.state))
        }
        AttemptOutcome::Refused { class, detail, until } => table.refused(class, detail, *until, has_content),
    }
}

/// The table, for one task at one moment.
struct Table<'a> {
    task: &'a Task,
    policy: &'a ArtifactPolicy,
    moment: Moment,
    /// The next age at which to ask; `None`: the ages have ended.
    by_age: Option<DateTime<Utc>>,
}

impl Table<'_> {
    /// Returns the decision for an answer: nothing is owed.
    fn known(state: ArtifactState, next_try_at: Option<DateTime<Utc>>, reason: Option<&str>) -> TaskDecision {
        let reason = reason.map(str::to_owned);
        TaskDecision { state, next_try_at, reason, detail: None, owed: Owed::default() }
    }

    /// Returns what is owed after one more try that ended with `reason`.
    fn after(&self, reason: &str, is_owed: bool) -> Owed {
        let (before, now) = (self.task.owed, self.moment.now);
        let is_same = self.task.reason.as_deref() == Some(reason);
        let since = before.faults_since();
        let begins = is_owed && since.is_none();
        Owed {
            since: since.or(is_owed.then_some(now)),
            agreed_since: before.agreed_since.filter(|_| is_same).or(Some(now)),
            tries: if begins { 1 } else { before.tries.saturating_add(1) },
        }
    }

    /// `stored` is the state of the stored data; `None`: nothing is stored.
    fn unread(
        reason: &str,
        detail: Option<&str>,
        owed: Owed,
        next_try_at: Option<DateTime<Utc>>,
        states: (Option<ArtifactState>, ArtifactState),
    ) -> TaskDecision {
        let (stored, given_up) = states;
        let open = if next_try_at.is_some() { ArtifactState::Pending } else { given_up };
        TaskDecision {
            state: stored.unwrap_or(open),
            next_try_at,
            reason: Some(reason.to_owned()),
            detail: detail.map(str::to_owned),
            owed: if next_try_at.is_some() { owed } else { Owed::default() },
        }
    }

    fn fault(&self, reason: &str, detail: &str, stored: Option<ArtifactState>) -> TaskDecision {
        let owed = self.after(reason, true);
        let span = owed.since.map_or(TimeDelta::zero(), |since| self.moment.now - since);
        let has_ended = self.task.counts_from().is_some();
        // a stored part is not lost by waiting: its tries need not last as long as the ages
        let is_kept = if reason == "incomplete" { !has_ended } else { self.by_age.is_some() };
        let is_over = owed.tries >= LEAST_TRIES && span >= A_DAY && !is_kept;
        let next = (!is_over).then(|| earlier(self.after_fault(&owed), self.by_age));
        Self::unread(reason, Some(detail), owed, next, (stored, ArtifactState::Failed))
    }

    /// Data that the provider fills in late looks empty at first, and one answer may be a fault that passes.
    fn found_empty(&self, state: ArtifactState) -> TaskDecision {
        let settles_at = self.task.counts_from().map(|from| from + self.policy.settles_after);
        let soon = self.by_age.filter(|at| settles_at.is_none_or(|settles_at| *at <= settles_at));
        let owed = self.after("no_content", false);
        let next = soon.or_else(|| self.confirm_at(&owed));
        let agreed = next.map_or_else(Owed::default, |_| Owed { since: None, ..owed });
        TaskDecision { owed: agreed, ..Self::known(state, next, Some("no_content")) }
    }

    /// The same file, read again a day later, was whole. One that differs each time is kept as it is after ten tries.
    fn found_open(&self, is_same: bool) -> TaskDecision {
        let mut owed = self.after("no_length", true);
        if !is_same && owed.tries < LEAST_TRIES {
            owed.agreed_since = Some(self.moment.now);
        }
        let next = self.confirm_at(&owed).map(|at| earlier(at, self.settles_at()));
        let detail = "nothing shows that the file is whole: it has no stated length and ends with its connection";
        let available = ArtifactState::Available;
        match next {
            Some(_) => Self::unread("no_length", Some(detail), owed, next, (Some(available), available)),
            None => Self::known(available, None, None),
        }
    }

    fn lasting(&self, reason: &str, detail: &str, stored: Option<ArtifactState>) -> TaskDecision {
        let owed = self.after(reason, true);
        let next = self.by_age.or_else(|| self.confirm_at(&owed));
        Self::unread(reason, Some(detail), owed, next, (stored, ArtifactState::Failed))
    }

    fn absent(&self, absence: Absence, stored: Option<ArtifactState>) -> TaskDecision {
        let (task, now) = (self.task, self.moment.now);
        let is_made = task.counts_from().is_some_and(|from| now >= from + self.policy.settles_after);
        let is_late_link = is_made && absence == Absence::LinkDead;
        let mut owed = self.after(absence.as_str(), self.by_age.is_none() || is_late_link);
        let confirm_at = self.confirm_at(&owed);
        let is_believed = self.by_age.is_none() && self.moment.is_usual_absence;
        let quick = confirm_at.filter(|_| is_made && !is_believed).and_then(|_| self.quick(owed.tries));
        let next = match self.by_age {
            Some(at) => {
                // the earlier fault was temporary: for a day the provider has answered that there is nothing (yet)
                if confirm_at.is_none() && !is_late_link {
                    owed.since = None;
                }
                let is_far = at - now > A_DAY;
                let at = confirm_at.filter(|_| is_far).unwrap_or(at);
                let at = if owed.since.is_some() { earlier(self.after_fault(&owed), Some(at)) } else { at };
                Some(earlier(at, quick))
            }
            None => quick.or(confirm_at),
        };
        Self::unread(absence.as_str(), None, owed, next, (stored, given_up(task, absence)))
    }

    fn refused(&self, class: &str, detail: &str, until: Option<DateTime<Utc>>, has_content: bool) -> TaskDecision {
        let (task, now) = (self.task, self.moment.now);
        // a rate limit may hit any call: only a task that meets it repeatedly goes behind the others
        let is_chance = until.is_some() && task.attempts <= 2;
        let from = until.unwrap_or(now).max(now);
        let next = if is_chance { Some(from) } else { after_refusal(task, from) };
        let owed = if until.is_some() {
            Owed { since: task.owed.since.or(Some(now)), ..task.owed }
        } else {
            self.after(class, true)
        };
        let stored = (has_content || next.is_some()).then_some(task.state);
        Self::unread(class, Some(detail), owed, next, (stored, ArtifactState::Failed))
    }

    /// Returns the time of the second or third try of a series.
    fn quick(&self, tries: i32) -> Option<DateTime<Utc>> {
        let wait = QUICK.get(usize::try_from(tries - 1).ok()?)?;
        Some(self.moment.now + wait.mul_f64(0.5 + self.moment.chance / 2.0))
    }

    /// Returns the next try after a fault. The times depend on the first fault only, so tries in between do not
    /// shift them.
    fn after_fault(&self, owed: &Owed) -> DateTime<Utc> {
        let now = self.moment.now;
        if let Some(quick) = self.quick(owed.tries) {
            return quick;
        }
        let spread = owed.since.and_then(|since| SPREAD.iter().map(|age| since + *age).find(|at| *at > now));
        spread.unwrap_or_else(|| now + if owed.tries < LEAST_TRIES { CATCHING_UP } else { A_DAY })
    }

    /// Returns when a second try can settle what the first one found; `None`: this try settles it.
    fn confirm_at(&self, owed: &Owed) -> Option<DateTime<Utc>> {
        owed.agreed_since.map(|since| since + A_DAY).filter(|at| *at > self.moment.now)
    }

    /// Returns when to check a found artifact once more; `None`: it no longer changes.
    fn settles_at(&self) -> Option<DateTime<Utc>> {
        match self.task.counts_from() {
            None => self.by_age,
            Some(from) => Some(from + self.policy.settles_after).filter(|at| *at > self.moment.now),
        }
    }
}

fn earlier(one: DateTime<Utc>, other: Option<DateTime<Utc>>) -> DateTime<Utc> {
    other.map_or(one, |other| other.min(one))
}

/// Returns what an absence means once the provider has deleted its data.
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

#[cfg(test)]
#[path = "retry_schedule_tests.rs"]
mod tests;
