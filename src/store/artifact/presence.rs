//! Counters of a session's presences, computed once when they are written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::artifact::SessionRef;
use crate::model::participant::Participant;

/// Counters of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Participation {
    /// Presences.
    pub(super) participant_count: i32,
    /// Number of people; a presence without a known person counts as one.
    pub(super) person_count: i32,
    /// Presences without a duration.
    pub(super) unknown_duration_count: i32,
    /// Largest number of simultaneous presences. `None`: no presence has a known end, or one has no known begin.
    pub(super) peak_participants: Option<i32>,
    /// Sum of the known durations, milliseconds.
    pub(super) participant_ms: i64,
    /// Time of the first join.
    pub(super) first_joined_at: Option<DateTime<Utc>>,
    /// Time of all people within the session, milliseconds; overlapping presences of one person count once. `None`:
    /// the session runs or ends before its start, or begin or end of a presence is not known.
    pub(super) attended_ms: Option<i64>,
    /// People with several presences.
    pub(super) rejoined_person_count: i32,
}

impl Participation {
    /// Counts. `people` are the pseudonyms of `list`. A presence without an end continues while the session runs. In
    /// an ended session its duration is unknown, and it does not raise the peak.
    pub(super) fn of(list: &[Participant], people: &[Option<String>], session: &SessionRef) -> Self {
        let ended_at = session.ended_at;
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let mut presences: BTreeMap<&String, usize> = BTreeMap::new();
        for person in people.iter().flatten() {
            *presences.entry(person).or_default() += 1;
        }
        let known: BTreeSet<&String> = people.iter().flatten().collect();
        let without_person_count = people.iter().filter(|person| person.is_none()).count();
        Self {
            participant_count: number(list.len()),
            person_count: number(known.len() + without_person_count),
            unknown_duration_count: number(list.iter().filter(|one| one.duration_ms.is_none()).count()),
            peak_participants: peak(list, ended_at),
            participant_ms: list.iter().filter_map(|one| one.duration_ms).fold(0, i64::saturating_add),
            first_joined_at: list.iter().filter_map(begin_of).min(),
            attended_ms: ended_at.and_then(|ended_at| attended_ms(list, people, session.started_at, ended_at)),
            rejoined_person_count: number(presences.values().filter(|count| **count > 1).count()),
        }
    }
}

/// Begin and end of a stay.
type Stay = (DateTime<Utc>, DateTime<Utc>);

/// Returns the begin of a presence: as stated by the provider, or from its end and duration.
fn begin_of(one: &Participant) -> Option<DateTime<Utc>> {
    let by_length = || one.left_at?.checked_sub_signed(TimeDelta::try_milliseconds(one.duration_ms?)?);
    one.joined_at.or_else(by_length)
}

/// Returns the end of a presence in an ended session: as stated by the provider, or from its duration.
fn end_of(one: &Participant) -> Option<DateTime<Utc>> {
    let by_length = || one.joined_at?.checked_add_signed(TimeDelta::milliseconds(one.duration_ms?));
    one.left_at.or_else(by_length)
}

/// Returns the sum of each person's time within the session; `None` where begin or end of a presence is not known, or
/// the session has no length.
fn attended_ms(
    list: &[Participant],
    people: &[Option<String>],
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
) -> Option<i64> {
    if ended_at < started_at {
        return None;
    }
    let mut stays: BTreeMap<(Option<&String>, usize), Vec<Stay>> = BTreeMap::new();
    for (place, (one, person)) in list.iter().zip(people).enumerate() {
        let (from, to) = (begin_of(one)?.max(started_at), end_of(one)?.min(ended_at));
        // a presence without a known person is a person by itself
        let who = (person.as_ref(), if person.is_some() { 0 } else { place });
        stays.entry(who).or_default().extend((from < to).then_some((from, to)));
    }
    let mut sum = TimeDelta::zero();
    for mut of_person in stays.into_values() {
        of_person.sort_unstable();
        let mut covered_until = started_at;
        for (from, to) in of_person {
            let from = from.max(covered_until);
            if from < to {
                sum += to - from;
                covered_until = to;
            }
        }
    }
    Some(sum.num_milliseconds())
}

/// Returns the largest number of simultaneous presences; at the same instant, leaving counts before joining. `None`
/// where there are presences and no end is known, or where a begin is not known.
fn peak(list: &[Participant], ended_at: Option<DateTime<Utc>>) -> Option<i32> {
    let mut steps: BTreeMap<DateTime<Utc>, (i32, i32)> = BTreeMap::new();
    let mut has_unknown_end = false;
    for one in list {
        let joined_at = begin_of(one)?;
        let left_at = match ended_at {
            None => Some(one.left_at.unwrap_or(DateTime::<Utc>::MAX_UTC)),
            Some(_) => end_of(one),
        };
        has_unknown_end |= left_at.is_none();
        let Some(left_at) = left_at else { continue };
        if left_at <= joined_at {
            continue;
        }
        steps.entry(joined_at).or_default().0 += 1;
        steps.entry(left_at).or_default().1 += 1;
    }
    let (mut level, mut peak) = (0, 0);
    for (came, went) in steps.into_values() {
        level += came - went;
        peak = peak.max(level);
    }
    (peak > 0 || !has_unknown_end).then_some(peak)
}

/// Returns for each presence whether its person was in the session before. A person's first presence by joining is no
/// rejoin, nor is a presence without a known person or without a time.
pub(super) fn rejoins(list: &[Participant], people: &[Option<String>]) -> Vec<bool> {
    let mut first: BTreeMap<&String, (DateTime<Utc>, &str)> = BTreeMap::new();
    for (one, person) in list.iter().zip(people) {
        if let (Some(person), Some(at)) = (person, begin_of(one)) {
            let key = (at, one.provider_participant_id.as_str());
            first.entry(person).and_modify(|held| *held = (*held).min(key)).or_insert(key);
        }
    }
    let is_rejoin = |(one, person): (&Participant, &Option<String>)| {
        let key = person.as_ref().and_then(|person| first.get(person));
        key.is_some_and(|(_, id)| begin_of(one).is_some() && *id != one.provider_participant_id.as_str())
    };
    list.iter().zip(people).map(is_rejoin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::field::FieldPresence;
    use crate::model::id::ProviderRecordId;

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2026-03-02T14:{minute:02}:00Z").parse().expect("an instant")
    }

    fn presence(id: &str, joined: u32, left: Option<u32>) -> Participant {
        Participant {
            provider_participant_id: ProviderRecordId::parse(id).expect("an id"),
            provider_user_id: None,
            custom_participant_id: None,
            display_name: None,
            preset_name: None,
            joined_at: Some(at(joined)),
            left_at: left.map(at),
            duration_ms: left.map(|left| i64::from(left - joined) * 60_000),
            created_at: None,
            provider_updated_at: None,
            fields: FieldPresence::default(),
            raw: Vec::new(),
        }
    }

    #[test]
    fn counters_of_a_meeting_with_a_rejoin() {
        // Ana 0–30, Ben 1–10 and again 12–30, an unknown person 10–12, Dev 12–?
        let list = [
            presence("ana", 0, Some(30)),
            presence("ben-2", 12, Some(30)),
            presence("ben-1", 1, Some(10)),
            presence("who", 10, Some(12)),
            presence("dev", 12, None),
        ];
        let people = ["A", "B", "B", "", "D"].map(|p| Some(p.to_owned()).filter(|p| !p.is_empty()));
        let session = SessionRef {
            provider_session_id: ProviderRecordId::parse("s").expect("an id"),
            started_at: at(0),
            ended_at: Some(at(31)),
        };
        let counted = Participation::of(&list, &people, &session);
        assert_eq!(counted.participant_count, 5);
        assert_eq!(counted.person_count, 4);
        assert_eq!(counted.unknown_duration_count, 1);
        // at 12: Ana and Ben; the end of Dev's presence is unknown
        assert_eq!(counted.peak_participants, Some(2));
        assert_eq!(counted.participant_ms, (30 + 18 + 9 + 2) * 60_000);
        assert_eq!(rejoins(&list, &people), [false, true, false, false, false]);
        assert_eq!((counted.first_joined_at, counted.rejoined_person_count), (Some(at(0)), 1));
        assert_eq!(counted.attended_ms, None);
    }

    #[test]
    fn a_presence_without_an_end_raises_no_peak_once_the_session_has_ended() {
        let session = |ended_at| SessionRef {
            provider_session_id: ProviderRecordId::parse("s").expect("an id"),
            started_at: at(0),
            ended_at,
        };
        // Ben's first presence has no end, and he joins again
        let list = [presence("ana", 0, Some(30)), presence("ben-1", 1, None), presence("ben-2", 12, Some(30))];
        let people = ["A", "B", "B"].map(|p| Some(p.to_owned()));
        let counted = Participation::of(&list, &people, &session(Some(at(30))));
        assert_eq!((counted.peak_participants, counted.unknown_duration_count), (Some(2), 1));
        assert_eq!((counted.attended_ms, counted.participant_ms), (None, 48 * 60_000));
        // while the session runs, the presence continues
        assert_eq!(Participation::of(&list, &people, &session(None)).peak_participants, Some(3));
        // a single presence without an end gives no peak
        let alone = Participation::of(&list[1..2], &people[1..2], &session(Some(at(30))));
        assert_eq!(alone.peak_participants, None);
        assert_eq!(Participation::of(&[], &[], &session(Some(at(30)))).peak_participants, Some(0));
        // the duration gives an end: 1 to 11
        let measured = Participant { duration_ms: Some(600_000), ..presence("ben-1", 1, None) };
        let counted =
            Participation::of(&[presence("ana", 0, Some(30)), measured], &people[..2], &session(Some(at(30))));
        assert_eq!((counted.peak_participants, counted.attended_ms), (Some(2), Some(40 * 60_000)));
    }

    #[test]
    fn a_presence_without_a_begin_is_never_counted_as_zero() {
        let session = |ended_at| SessionRef {
            provider_session_id: ProviderRecordId::parse("s").expect("an id"),
            started_at: at(0),
            ended_at: Some(at(ended_at)),
        };
        let people = ["A", "B"].map(|p| Some(p.to_owned()));
        // Ben's begin follows from his end and his duration: 10 to 30
        let measured = Participant { joined_at: None, duration_ms: Some(1_200_000), ..presence("ben", 0, Some(30)) };
        let list = [presence("ana", 5, Some(30)), measured.clone()];
        let counted = Participation::of(&list, &people, &session(40));
        assert_eq!((counted.peak_participants, counted.attended_ms), (Some(2), Some(45 * 60_000)));
        assert_eq!(Participation::of(&list[1..], &people[1..], &session(40)).first_joined_at, Some(at(10)));
        // without a duration it is unknown, and so are the figures
        let unknown = Participant { duration_ms: None, ..measured };
        for list in [vec![presence("ana", 5, Some(30)), unknown.clone()], vec![unknown.clone(), unknown.clone()]] {
            let counted = Participation::of(&list, &people, &session(40));
            assert_eq!((counted.peak_participants, counted.attended_ms), (None, None), "{list:?}");
            assert!(counted.unknown_duration_count > 0);
        }
        // a session that ends before its start has no length
        let backwards = SessionRef { started_at: at(20), ..session(10) };
        assert_eq!(Participation::of(&list, &people, &backwards).attended_ms, None);
    }

    #[test]
    fn two_devices_of_a_person_attend_once_and_within_the_session() {
        let list = [presence("phone", 5, Some(20)), presence("laptop", 10, Some(40)), presence("again", 45, Some(50))];
        let people = ["A", "A", "A"].map(|p| Some(p.to_owned()));
        let session = |ended_at| SessionRef {
            provider_session_id: ProviderRecordId::parse("s").expect("an id"),
            started_at: at(8),
            ended_at,
        };
        // 8 to 30
        assert_eq!(Participation::of(&list, &people, &session(Some(at(30)))).attended_ms, Some(22 * 60_000));
        assert_eq!(Participation::of(&list, &people, &session(None)).attended_ms, None);
    }
}
