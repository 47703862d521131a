//! The schedule of a session that ended on 2 March at 14:00, calculated by hand. Chance is 0: waits of seconds are
//! 2 s and 6 s.

use super::*;
use crate::model::artifact::SessionRef;
use crate::model::id::{ProviderRecordId, SourceId};

const POLICY: ArtifactPolicy = ArtifactPolicy {
    while_live: Some(TimeDelta::minutes(5)),
    tries_after: &[TimeDelta::minutes(2), TimeDelta::minutes(10), TimeDelta::hours(2), TimeDelta::hours(12)],
    then_every: TimeDelta::days(1),
    retention: TimeDelta::days(7),
    settles_after: TimeDelta::hours(2),
    per_participant: false,
};

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-03-{text}Z").parse().expect("an instant")
}

fn moment(now: &str) -> Moment {
    Moment { now: at(now), chance: 0.0, is_usual_absence: false }
}

fn task(state: ArtifactState, first_attempt: &str) -> Task {
    let ended_at = at("02T14:00:00");
    let session = SessionRef {
        provider_session_id: ProviderRecordId::parse("s").expect("an id"),
        started_at: at("02T13:00:00"),
        ended_at: Some(ended_at),
    };
    let mut task = Task::unclaimed(SourceId(1), 1, Stream::Transcript, session, state, at(first_attempt));
    (task.expires_at, task.attempts) = (Some(ended_at + POLICY.retention), 1);
    task
}

/// Makes one try that the task does not remember.
fn after(task: &Task, outcome: &AttemptOutcome, now: &str) -> (ArtifactState, Option<DateTime<Utc>>) {
    let decision = decide(task, &POLICY, outcome, moment(now));
    (decision.state, decision.next_try_at)
}

/// Makes one try that the task remembers. Returns its state, the next try, and whether something is owed.
fn step(task: &mut Task, outcome: &AttemptOutcome, now: &str) -> (ArtifactState, Option<DateTime<Utc>>, bool) {
    let decision = decide(task, &POLICY, outcome, moment(now));
    (task.state, task.reason, task.owed) = (decision.state, decision.reason, decision.owed);
    task.attempts += 1;
    (decision.state, decision.next_try_at, decision.owed.since.is_some())
}

const MISSING: AttemptOutcome = AttemptOutcome::Absent(Absence::NotFound);
const PENDING: ArtifactState = ArtifactState::Pending;

fn failed() -> AttemptOutcome {
    AttemptOutcome::Failed { class: "file_cut".to_owned(), detail: "y".to_owned(), is_lasting: false }
}

#[test]
fn what_is_missing_is_asked_for_at_every_age_and_given_up_by_name() {
    let mut early = task(PENDING, "02T14:02:01");
    let mut next = |now: &str| step(&mut early, &MISSING, now);
    assert_eq!(next("02T14:02:01"), (PENDING, Some(at("02T14:10:00")), false));
    assert_eq!(next("02T14:10:00"), (PENDING, Some(at("02T16:00:00")), false));
    assert_eq!(next("02T17:00:00"), (PENDING, Some(at("03T02:00:00")), false));
    // from twelve hours on once a day
    assert_eq!(next("03T02:00:01"), (PENDING, Some(at("04T02:00:00")), false));
    assert_eq!(next("04T13:00:00"), (PENDING, Some(at("05T02:00:00")), false));
    // the last try is at the deletion: all before it agree, so it settles
    assert_eq!(next("09T02:00:03"), (PENDING, Some(at("09T14:00:00")), false));
    assert_eq!(next("09T14:00:00"), (ArtifactState::NotEnabled, None, false));
    for (absence, state) in [(Absence::LinkDead, ArtifactState::Expired), (Absence::ZeroBytes, ArtifactState::Empty)] {
        let mut early = task(PENDING, "02T14:02:01");
        let absent = AttemptOutcome::Absent(absence);
        assert_eq!(step(&mut early, &absent, "02T14:10:00"), (PENDING, Some(at("02T16:00:00")), false));
        assert_eq!(step(&mut early, &absent, "09T14:00:00"), (state, None, false));
    }
}

#[test]
fn an_old_session_is_read_three_times_and_again_a_day_later() {
    let mut late = task(PENDING, "12T09:00:00");
    assert_eq!(step(&mut late, &MISSING, "12T09:00:00"), (PENDING, Some(at("12T09:00:02")), true));
    assert_eq!(step(&mut late, &MISSING, "12T09:00:02"), (PENDING, Some(at("12T09:00:08")), true));
    assert_eq!(step(&mut late, &MISSING, "12T09:00:08"), (PENDING, Some(at("13T09:00:00")), true));
    assert_eq!(step(&mut late.clone(), &MISSING, "13T09:00:00"), (ArtifactState::Expired, None, false));
    // a different answer does not confirm
    let other = AttemptOutcome::Absent(Absence::NoLink);
    assert_eq!(step(&mut late, &other, "13T09:00:00"), (PENDING, Some(at("14T09:00:00")), true));
    assert_eq!(step(&mut late, &AttemptOutcome::Found, "14T09:00:00"), (ArtifactState::Available, None, false));
    // where many have confirmed their absences, one more is requested only a day later
    let believed = Moment { is_usual_absence: true, ..moment("12T09:00:00") };
    let decision = decide(&task(PENDING, "12T09:00:00"), &POLICY, &MISSING, believed);
    assert_eq!((decision.state, decision.next_try_at), (PENDING, Some(at("13T09:00:00"))));
}

#[test]
fn a_young_session_first_asked_for_late_gets_its_tries_within_seconds_too() {
    let mut young = task(PENDING, "04T09:00:00");
    assert_eq!(step(&mut young, &MISSING, "04T09:00:00"), (PENDING, Some(at("04T09:00:02")), false));
    assert_eq!(step(&mut young, &MISSING, "04T09:00:02"), (PENDING, Some(at("04T09:00:08")), false));
    assert_eq!(step(&mut young, &MISSING, "04T09:00:08"), (PENDING, Some(at("05T02:00:00")), false));
    // a dead link says that there is a file, so it is owed
    let dead = AttemptOutcome::Absent(Absence::LinkDead);
    let mut young = task(PENDING, "04T09:00:00");
    assert_eq!(step(&mut young, &dead, "04T09:00:00"), (PENDING, Some(at("04T09:00:02")), true));
    assert_eq!(step(&mut young, &dead, "04T09:00:02"), (PENDING, Some(at("04T09:00:08")), true));
    assert_eq!(step(&mut young, &dead, "04T09:00:08"), (PENDING, Some(at("04T09:05:00")), true));
    assert_eq!(step(&mut young, &dead, "06T09:05:00"), (PENDING, Some(at("06T10:05:00")), true));
    assert_eq!(step(&mut young, &dead, "09T14:00:00"), (ArtifactState::Expired, None, false));
}

#[test]
fn what_we_had_made_is_as_young_as_the_request() {
    // generation was requested eight months after the session
    let mut asked = task(PENDING, "02T14:00:00");
    asked.session.ended_at = asked.session.ended_at.map(|ended_at| ended_at - TimeDelta::days(240));
    asked.requested_at = Some(at("02T14:00:00"));
    asked.expires_at = None;
    assert_eq!(
        after(&asked, &AttemptOutcome::Found, "02T14:02:00"),
        (ArtifactState::Available, Some(at("02T16:00:00")))
    );
    assert_eq!(step(&mut asked, &MISSING, "02T14:01:00"), (PENDING, Some(at("02T14:02:00")), false));
    assert_eq!(step(&mut asked, &MISSING, "02T14:02:00"), (PENDING, Some(at("02T14:10:00")), false));
    assert_eq!(step(&mut asked, &MISSING, "09T14:00:00"), (ArtifactState::NotEnabled, None, false));
}

#[test]
fn what_was_found_is_looked_at_once_more_and_never_forgotten() {
    let pending = task(PENDING, "02T14:02:01");
    assert_eq!(
        after(&pending, &AttemptOutcome::Found, "02T14:10:00"),
        (ArtifactState::Available, Some(at("02T16:00:00")))
    );
    assert_eq!(after(&pending, &AttemptOutcome::Found, "02T16:00:00"), (ArtifactState::Available, None));
    let available = task(ArtifactState::Available, "02T14:02:01");
    assert_eq!(after(&available, &MISSING, "02T16:00:00"), (ArtifactState::Available, None));
    assert_eq!(
        after(&pending, &AttemptOutcome::FoundEmpty, "02T14:02:01"),
        (ArtifactState::Empty, Some(at("02T14:10:00")))
    );
    // one empty answer settles nothing, and two a day apart do; content of before is kept
    for (before, state) in [(PENDING, ArtifactState::Empty), (ArtifactState::Available, ArtifactState::Available)] {
        let mut empty = task(before, "02T14:02:01");
        let mut next = |now: &str| step(&mut empty, &AttemptOutcome::FoundEmpty, now);
        assert_eq!(next("02T16:00:00"), (state, Some(at("03T16:00:00")), false));
        assert_eq!(next("02T17:00:00"), (state, Some(at("03T16:00:00")), false));
        assert_eq!(next("03T16:00:00"), (state, None, false));
    }
    // a fault in between begins the day again
    let mut late = task(PENDING, "02T14:02:01");
    step(&mut late, &AttemptOutcome::FoundEmpty, "02T16:00:00");
    step(&mut late, &failed(), "03T16:00:00");
    assert_eq!(step(&mut late, &AttemptOutcome::FoundEmpty, "03T16:00:05").1, Some(at("04T16:00:05")));
}

/// The tries of a permanent fault: ten of them over 25 hours, at any age.
const TRIES: [&str; 10] = [
    "20T00:00:00",
    "20T00:00:02",
    "20T00:00:08",
    "20T00:05:00",
    "20T00:20:00",
    "20T01:00:00",
    "20T03:00:00",
    "20T07:00:00",
    "20T13:00:00",
    "21T01:00:00",
];

#[test]
fn a_fault_is_given_up_after_ten_tries_over_a_day() {
    let mut old = task(PENDING, TRIES[0]);
    for (now, next) in TRIES.iter().zip(&TRIES[1..]) {
        assert_eq!(step(&mut old, &failed(), now), (PENDING, Some(at(next)), true), "{now}");
    }
    assert_eq!(step(&mut old, &failed(), TRIES[9]), (ArtifactState::Failed, None, false));
    // stored data stays
    let mut stored = task(ArtifactState::Available, TRIES[0]);
    for now in TRIES {
        assert_eq!(step(&mut stored, &failed(), now).0, ArtifactState::Available);
    }
    // many tries within a short time do not give it up, and neither do few over a long one
    let mut hasty = task(PENDING, TRIES[0]);
    for minute in 10..40 {
        assert!(step(&mut hasty, &failed(), &format!("20T00:{minute}:00")).2);
    }
    let mut idle = task(PENDING, TRIES[0]);
    step(&mut idle, &failed(), TRIES[0]);
    assert_eq!(step(&mut idle, &failed(), "28T00:00:00"), (PENDING, Some(at("28T00:00:06")), true));
    assert_eq!(step(&mut idle, &failed(), "28T00:00:06"), (PENDING, Some(at("28T01:00:06")), true));
}

#[test]
fn a_fault_of_a_young_session_is_tried_as_soon_and_for_as_long_as_the_provider_keeps_it() {
    let mut young = task(PENDING, "04T00:00:00");
    assert_eq!(step(&mut young, &failed(), "04T00:00:00"), (PENDING, Some(at("04T00:00:02")), true));
    assert_eq!(step(&mut young, &failed(), "04T00:00:02"), (PENDING, Some(at("04T00:00:08")), true));
    for (now, next) in [("04T00:00:08", "04T00:05:00"), ("04T00:05:00", "04T00:20:00"), ("04T13:00:00", "05T01:00:00")]
    {
        assert_eq!(step(&mut young, &failed(), now), (PENDING, Some(at(next)), true), "{now}");
    }
    for now in ["05T01:00:00", "06T00:00:00", "07T00:00:00", "08T00:00:00", "09T13:59:00"] {
        assert!(step(&mut young, &failed(), now).2, "{now}");
    }
    assert_eq!(step(&mut young, &failed(), "09T14:00:00"), (ArtifactState::Failed, None, false));
    // a day of clear answers that there is nothing ends the series of a fault
    let mut made_never = task(PENDING, "02T14:20:00");
    assert!(step(&mut made_never, &failed(), "02T14:20:00").2);
    assert!(step(&mut made_never, &MISSING, "02T14:20:02").2);
    assert_eq!(step(&mut made_never, &MISSING, "03T14:20:02"), (PENDING, Some(at("04T02:00:00")), false));
}

#[test]
fn part_of_a_list_is_owed_until_ten_tries_over_a_day_at_any_age() {
    let part = AttemptOutcome::FoundPart { detail: "3 of 4".to_owned() };
    for first in ["03", "20"] {
        let mut task = task(PENDING, "02T14:02:01");
        let tries = TRIES.map(|now| match now.split_at(2) {
            ("20", rest) => format!("{first}{rest}"),
            (_, rest) => format!("{:02}{rest}", first.parse::<u32>().expect("a day") + 1),
        });
        for now in &tries[..9] {
            let (state, next, is_owed) = step(&mut task, &part, now);
            assert_eq!((state, next.is_some(), is_owed), (ArtifactState::Available, true, true), "{now}");
        }
        assert_eq!(step(&mut task, &part, &tries[9]), (ArtifactState::Available, None, false));
        assert_eq!(task.reason.as_deref(), Some("incomplete"));
    }
    // while the session runs it is never given up
    let mut live = task(ArtifactState::Available, "02T13:00:00");
    (live.expires_at, live.session.ended_at) = (None, None);
    for now in TRIES {
        assert!(step(&mut live, &part, now).2, "{now}");
    }
}

#[test]
fn what_fails_again_with_the_same_bytes_is_asked_for_twice_a_day_apart() {
    let lasting = AttemptOutcome::Failed { class: "too_large".to_owned(), detail: "y".to_owned(), is_lasting: true };
    let mut old = task(PENDING, "20T00:00:00");
    assert_eq!(step(&mut old, &lasting, "20T00:00:00"), (PENDING, Some(at("21T00:00:00")), true));
    assert_eq!(step(&mut old, &lasting, "21T00:00:00"), (ArtifactState::Failed, None, false));
    let mut young = task(PENDING, "03T03:00:00");
    assert_eq!(step(&mut young, &lasting, "03T03:00:00"), (PENDING, Some(at("04T02:00:00")), true));
}

#[test]
fn parts_of_what_is_known_are_asked_for_again_like_what_is_missing() {
    let some = AttemptOutcome::FoundWithout(Absence::NotFound);
    let available = ArtifactState::Available;
    let mut old = task(PENDING, "20T00:00:00");
    assert_eq!(step(&mut old, &some, "20T00:00:00"), (available, Some(at("20T00:00:02")), true));
    assert_eq!(step(&mut old, &some, "20T00:00:02"), (available, Some(at("20T00:00:08")), true));
    assert_eq!(step(&mut old, &some, "20T00:00:08"), (available, Some(at("21T00:00:00")), true));
    assert_eq!(step(&mut old, &some, "21T00:00:00"), (available, None, false));
    // a round continues from when it was due, and its earlier results stay
    let mut round = task(PENDING, "02T14:02:01");
    round.due_at = at("02T14:01:00");
    step(&mut round, &failed(), "02T14:05:00");
    let before = round.owed;
    assert_eq!(step(&mut round, &AttemptOutcome::MoreToAsk, "02T14:09:00"), (PENDING, Some(at("02T14:01:00")), true));
    assert_eq!((round.owed, round.reason.as_deref()), (before, Some("file_cut")));
}

#[test]
fn a_session_that_runs_for_days_is_asked_for_less_often() {
    let mut live = task(ArtifactState::Available, "02T13:00:00");
    (live.expires_at, live.session.ended_at) = (None, None);
    assert_eq!(after(&live, &AttemptOutcome::Found, "02T13:30:00").1, Some(at("02T13:35:00")));
    // two days: every two hours
    assert_eq!(after(&live, &AttemptOutcome::Found, "04T13:00:00").1, Some(at("04T15:00:00")));
}

#[test]
fn what_is_refused_is_kept_for_later_and_never_lost_by_waiting() {
    let pending = task(PENDING, "02T14:02:01");
    let often = |attempts| {
        let mut task = pending.clone();
        task.attempts = attempts;
        task
    };
    let refused = AttemptOutcome::Refused { class: "auth_failed", detail: "no".to_owned(), until: None };
    assert_eq!(after(&pending, &refused, "02T14:20:00"), (PENDING, Some(at("02T14:25:00"))));
    assert_eq!(after(&often(9), &refused, "02T14:20:00").1, Some(at("02T15:20:00")));
    // not beyond the provider's retention
    assert_eq!(after(&often(9), &refused, "09T13:00:00").1, Some(at("09T13:30:00")));
    assert_eq!(after(&often(9), &refused, "12T14:00:00").1, Some(at("13T11:20:00")));
    assert_eq!(after(&often(30), &refused, "12T14:00:00"), (ArtifactState::Failed, None));
    // a stated instant says nothing about the session the first time, and uses up no try
    let limited =
        AttemptOutcome::Refused { class: "rate_limited", detail: "no".to_owned(), until: Some(at("02T14:30:00")) };
    assert_eq!(after(&pending, &limited, "02T14:20:00").1, Some(at("02T14:30:00")));
    assert_eq!(after(&often(3), &limited, "02T14:20:00").1, Some(at("02T14:50:00")));
    let mut waiting = pending.clone();
    assert!(step(&mut waiting, &limited, "02T14:20:00").2);
    assert_eq!(waiting.owed.tries, 0);
    // the earlier wait does not turn a later answer into a fault
    assert_eq!(step(&mut waiting, &MISSING, "02T14:30:00"), (PENDING, Some(at("02T16:00:00")), false));
}
