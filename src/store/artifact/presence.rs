//! What is counted about a session's presences, once, when they are written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::artifact::SessionRef;
use crate::model::participant::Participant;

/// Counters of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Participation {
    /// Presences.
    pub(super) participant_count: i32,
    /// People; a presence of nobody known counts as one.
    pub(super) person_count: i32,
    /// Presences without a length.
    pub(super) unknown_duration_count: i32,
    /// Most presences at once.
    pub(super) peak_participants: i32,
    /// Sum of the known lengths, milliseconds.
    pub(super) participant_ms: i64,
    /// When the first one joined.
    pub(super) first_joined_at: Option<DateTime<Utc>>,
    /// Time of all people within the session, milliseconds; what presences of one person have in common counts once.
    /// `None`: it runs.
    pub(super) attended_ms: Option<i64>,
    /// People with several presences.
    pub(super) rejoined_person_count: i32,
}

impl Participation {
    /// Counts. `people` are the pseudonyms of `list`; whoever has not left is there until the session's end, or still.
    pub(super) fn of(list: &[Participant], people: &[Option<String>], session: &SessionRef) -> Self {
        let ended_at = session.ended_at;
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let mut presences: BTreeMap<&String, usize> = BTreeMap::new();
        for person in people.iter().flatten() {
            *presences.entry(person).or_default() += 1;
        }
        let known: BTreeSet<&String> = people.iter().flatten().collect();
        let nobody = people.iter().filter(|person| person.is_none()).count();
        Self {
            participant_count: number(list.len()),
            person_count: number(known.len() + nobody),
            unknown_duration_count: number(list.iter().filter(|one| one.duration_ms.is_none()).count()),
            peak_participants: peak(list, ended_at),
            participant_ms: list.iter().filter_map(|one| one.duration_ms).fold(0, i64::saturating_add),
            first_joined_at: list.iter().filter_map(|one| one.joined_at).min(),
            attended_ms: ended_at.map(|ended_at| attended_ms(list, people, session.started_at, ended_at)),
            rejoined_person_count: number(presences.values().filter(|count| **count > 1).count()),
        }
    }
}

/// From when to when.
type Stay = (DateTime<Utc>, DateTime<Utc>);

/// Each person's time between the start and the end of the session.
fn attended_ms(
    list: &[Participant],
    people: &[Option<String>],
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
) -> i64 {
    let mut stays: BTreeMap<(Option<&String>, usize), Vec<Stay>> = BTreeMap::new();
    for (place, (one, person)) in list.iter().zip(people).enumerate() {
        let Some(joined_at) = one.joined_at else { continue };
        let (from, to) = (joined_at.max(started_at), one.left_at.unwrap_or(ended_at).min(ended_at));
        // a presence of nobody known is a person by itself
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
    sum.num_milliseconds()
}

/// Most presences at once: whoever leaves goes before whoever comes at the same instant.
fn peak(list: &[Participant], ended_at: Option<DateTime<Utc>>) -> i32 {
    let mut steps: BTreeMap<DateTime<Utc>, (i32, i32)> = BTreeMap::new();
    for one in list {
        let Some(joined_at) = one.joined_at else { continue };
        let left_at = one.left_at.or(ended_at).unwrap_or(DateTime::<Utc>::MAX_UTC);
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
    peak
}

/// For each presence, whether its person was in the session before: by joining, the first of a person's presences
/// is none. A presence of nobody known, or without a time, is none either.
pub(super) fn rejoins(list: &[Participant], people: &[Option<String>]) -> Vec<bool> {
    let mut first: BTreeMap<&String, (DateTime<Utc>, &str)> = BTreeMap::new();
    for (one, person) in list.iter().zip(people) {
        if let (Some(person), Some(at)) = (person, one.joined_at) {
            let key = (at, one.provider_participant_id.as_str());
            first.entry(person).and_modify(|held| *held = (*held).min(key)).or_insert(key);
        }
    }
    let is_rejoin = |(one, person): (&Participant, &Option<String>)| {
        let key = person.as_ref().and_then(|person| first.get(person));
        key.is_some_and(|(_, id)| one.joined_at.is_some() && *id != one.provider_participant_id.as_str())
    };
    list.iter().zip(people).map(is_rejoin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
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
            raw: Vec::new(),
        }
    }

    #[test]
    fn counters_of_a_meeting_with_a_rejoin() {
        // Ana 0–30, Ben 1–10 and again 12–30, nobody known 10–12, Dev 12–? (until the end, 31)
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
        // at 12: Ana, Ben and Dev; whoever came at 10 and left at 12 is never beside them
        assert_eq!(counted.peak_participants, 3);
        assert_eq!(counted.participant_ms, (30 + 18 + 9 + 2) * 60_000);
        assert_eq!(rejoins(&list, &people), [false, true, false, false, false]);
        assert_eq!((counted.first_joined_at, counted.rejoined_person_count), (Some(at(0)), 1));
        // Dev until the end: 30 + 27 + 2 + 19
        assert_eq!(counted.attended_ms, Some(78 * 60_000));
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
