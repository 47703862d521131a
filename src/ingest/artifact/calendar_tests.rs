//! The calendar of a session that ended on 2 March at 14:00, worked out by hand.

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

fn task(state: ArtifactState, first_attempt: &str) -> Task {
    let ended_at = at("02T14:00:00");
    Task::for_test(
        SourceId(1),
        Stream::Transcript,
        SessionRef {
            provider_session_id: ProviderRecordId::parse("s").expect("an id"),
            started_at: at("02T13:00:00"),
            ended_at: Some(ended_at),
        },
        Some(ended_at + POLICY.retention),
        at(first_attempt),
        state,
    )
}

fn after(task: &Task, outcome: &Outcome, now: &str) -> (ArtifactState, Option<DateTime<Utc>>) {
    let decision = decide(task, &POLICY, outcome, at(now));
    (decision.state, decision.next_try_at)
}

const MISSING: Outcome = Outcome::Absent(Absence::NotFound);

#[test]
fn what_is_missing_is_asked_for_at_every_age_and_given_up_by_name() {
    let early = task(ArtifactState::Pending, "02T14:02:01");
    let next = |now: &str| after(&early, &MISSING, now);
    assert_eq!(next("02T14:02:01"), (ArtifactState::Pending, Some(at("02T14:10:00"))));
    assert_eq!(next("02T14:10:00"), (ArtifactState::Pending, Some(at("02T16:00:00"))));
    assert_eq!(next("02T17:00:00"), (ArtifactState::Pending, Some(at("03T02:00:00"))));
    // from twelve hours on once a day
    assert_eq!(next("03T02:00:01"), (ArtifactState::Pending, Some(at("04T02:00:00"))));
    assert_eq!(next("04T13:00:00"), (ArtifactState::Pending, Some(at("05T02:00:00"))));
    // the last try is when it vanishes
    assert_eq!(next("09T02:00:03"), (ArtifactState::Pending, Some(at("09T14:00:00"))));
    assert_eq!(next("09T14:00:00"), (ArtifactState::NotEnabled, None));
    let late = task(ArtifactState::Pending, "12T09:00:00");
    assert_eq!(after(&late, &MISSING, "12T09:00:00"), (ArtifactState::Expired, None));
    assert_eq!(after(&early, &Outcome::Absent(Absence::LinkDead), "09T14:00:00"), (ArtifactState::Expired, None));
    assert_eq!(after(&early, &Outcome::Absent(Absence::ZeroBytes), "09T14:00:00"), (ArtifactState::Empty, None));
    assert_eq!(
        after(&early, &Outcome::Absent(Absence::ZeroBytes), "02T14:10:00"),
        (ArtifactState::Pending, Some(at("02T16:00:00")))
    );
}

#[test]
fn what_we_had_made_is_as_young_as_the_request() {
    // asked for eight months after the session
    let mut asked = task(ArtifactState::Pending, "02T14:00:00");
    asked.session.ended_at = asked.session.ended_at.map(|ended_at| ended_at - TimeDelta::days(240));
    asked.requested_at = Some(at("02T14:00:00"));
    asked.expires_at = None;
    assert_eq!(after(&asked, &MISSING, "02T14:01:00"), (ArtifactState::Pending, Some(at("02T14:02:00"))));
    assert_eq!(after(&asked, &MISSING, "02T14:02:00"), (ArtifactState::Pending, Some(at("02T14:10:00"))));
    assert_eq!(after(&asked, &Outcome::Found, "02T14:02:00"), (ArtifactState::Available, Some(at("02T16:00:00"))));
    assert_eq!(round_began_at(&asked, &POLICY, at("02T14:05:00")), at("02T14:02:00"));
    assert_eq!(after(&asked, &MISSING, "09T14:00:00"), (ArtifactState::NotEnabled, None));
}

#[test]
fn what_was_found_is_looked_at_once_more_and_never_forgotten() {
    let pending = task(ArtifactState::Pending, "02T14:02:01");
    assert_eq!(after(&pending, &Outcome::Found, "02T14:10:00"), (ArtifactState::Available, Some(at("02T16:00:00"))));
    assert_eq!(after(&pending, &Outcome::Found, "02T16:00:00"), (ArtifactState::Available, None));
    let available = task(ArtifactState::Available, "02T14:02:01");
    assert_eq!(after(&available, &MISSING, "02T16:00:00"), (ArtifactState::Available, None));
    assert_eq!(after(&pending, &Outcome::FoundEmpty, "02T14:02:01"), (ArtifactState::Empty, Some(at("02T14:10:00"))));
    assert_eq!(after(&pending, &Outcome::FoundEmpty, "02T16:00:00"), (ArtifactState::Empty, None));
    // it held something before: what came first is not thrown away
    assert_eq!(after(&available, &Outcome::FoundEmpty, "02T16:00:00"), (ArtifactState::Available, None));
}

#[test]
fn what_fails_is_tried_again_until_it_is_too_late() {
    let pending = task(ArtifactState::Pending, "02T14:02:01");
    let failed = |is_passing| Outcome::Failed { class: "x".to_owned(), detail: "y".to_owned(), is_passing };
    assert_eq!(after(&pending, &failed(true), "02T14:20:00"), (ArtifactState::Pending, Some(at("02T14:25:00"))));
    assert_eq!(after(&pending, &failed(false), "02T14:20:00"), (ArtifactState::Pending, Some(at("02T16:00:00"))));
    // an outage decides nothing for good, also about what is old
    assert_eq!(after(&pending, &failed(true), "09T14:00:00"), (ArtifactState::Pending, Some(at("09T14:05:00"))));
    assert_eq!(after(&pending, &failed(false), "09T14:00:00"), (ArtifactState::Failed, None));
    let often = |attempts| {
        let mut task = pending.clone();
        task.attempts = attempts;
        task
    };
    assert_eq!(after(&often(10), &failed(true), "09T14:00:00"), (ArtifactState::Failed, None));
    // what fails each time is asked for less and less often
    assert_eq!(after(&often(4), &failed(true), "03T02:10:00").1, Some(at("03T02:50:00")));
    assert_eq!(after(&often(9), &failed(true), "03T02:10:00").1, Some(at("03T23:30:00")));
    let available = task(ArtifactState::Available, "02T14:02:01");
    assert_eq!(after(&available, &failed(false), "09T14:00:00"), (ArtifactState::Available, None));
}

#[test]
fn a_session_that_runs_for_days_is_asked_for_less_often() {
    let mut live = task(ArtifactState::Available, "02T13:00:00");
    (live.expires_at, live.session.ended_at) = (None, None);
    assert_eq!(after(&live, &Outcome::Found, "02T13:30:00").1, Some(at("02T13:35:00")));
    // two days: every two hours
    assert_eq!(after(&live, &Outcome::Found, "04T13:00:00").1, Some(at("04T15:00:00")));
}

#[test]
fn reports_asked_for_in_parts_belong_to_one_round() {
    let pending = task(ArtifactState::Pending, "02T14:02:01");
    let began = |now: &str| round_began_at(&pending, &POLICY, at(now));
    assert_eq!(began("02T14:11:00"), at("02T14:10:00"));
    assert_eq!(began("02T15:59:59"), at("02T14:10:00"));
    assert_eq!(began("03T02:00:00"), at("03T02:00:00"));
    assert_eq!(began("05T01:00:00"), at("04T02:00:00"));
    // after the end of all ages nothing is asked for twice
    assert_eq!(began("20T00:00:00"), at("09T14:00:00"));
}

#[test]
fn what_is_refused_is_kept_for_later_and_never_lost_by_waiting() {
    let pending = task(ArtifactState::Pending, "02T14:02:01");
    let often = |attempts| {
        let mut task = pending.clone();
        task.attempts = attempts;
        task
    };
    let refused = Outcome::Refused { class: "auth_failed", detail: "no".to_owned(), until: None };
    assert_eq!(after(&pending, &refused, "02T14:20:00"), (ArtifactState::Pending, Some(at("02T14:25:00"))));
    assert_eq!(after(&often(9), &refused, "02T14:20:00").1, Some(at("02T15:20:00")));
    // not beyond what the provider keeps
    assert_eq!(after(&often(9), &refused, "09T13:00:00").1, Some(at("09T13:30:00")));
    assert_eq!(after(&often(9), &refused, "12T14:00:00").1, Some(at("13T11:20:00")));
    assert_eq!(after(&often(30), &refused, "12T14:00:00"), (ArtifactState::Failed, None));
    // a stated instant is nobody's fault the first time
    let limited = Outcome::Refused { class: "rate_limited", detail: "no".to_owned(), until: Some(at("02T14:30:00")) };
    assert_eq!(after(&pending, &limited, "02T14:20:00").1, Some(at("02T14:30:00")));
    assert_eq!(after(&often(3), &limited, "02T14:20:00").1, Some(at("02T14:50:00")));
}
