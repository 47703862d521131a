//! Generated RealtimeKit sessions: video meetings and livestreams.
//!
//! Participants, messages, speech and quality are generated on demand, from random numbers that depend on the meeting
//! alone. Minutes are the sum over all participants. While a meeting is live, they are updated once a minute and
//! whenever a participant joins or leaves. They are final with the end of the meeting, which follows the last leaving
//! by a keep-alive time. Some records carry undocumented fields, and a few meetings are metered for more than their
//! participants explain.

pub(super) mod files;
mod forms;
mod people;
mod presence;
mod quality;
mod spoken;
mod talk;

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;
use serde_json::json;

use self::people::{PEOPLE, Person};
use crate::distributions::{Span, Volume, iso, pick, seeded, skewed_ms, starts, uuid_v4};
use crate::timeline::Session;
use crate::truth::ProviderTruth;

const ORGANIZATION: &str = "7f1c2e9a4b6d4f0e8c3a1d5b9e7f2a60";
const TITLES: [&str; 9] = [
    "Weekly product review",
    "Standup A",
    "Support call",
    "Onboarding – Müller & Søn",
    "Interview 👩‍💻",
    "Board meeting \"Q3\"",
    "授業：数学 II",
    "Sprechstunde Dr. Weiß",
    "Legacy room",
];
const ROOMS: usize = 40;
/// How often the minutes of a live meeting are updated, milliseconds.
const METERED_EVERY_MS: i64 = 60_000;
/// Time from the end until the record shows it, milliseconds.
const CLOSING_MS: i64 = 1_000;
/// How long a session starts before the creation of its record, milliseconds.
const STARTED_BEFORE_CREATION_MS: i64 = 10;

/// A meeting in the provider's sense: several sessions are held in it.
#[derive(Debug)]
struct Room {
    associated_id: String,
    title: String,
    is_livestream: bool,
    transcription: Transcription,
}

/// Whether a room's speech is transcribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transcription {
    On,
    /// A call for a transcript returns 404.
    OffNotFound,
    /// A call for a transcript returns no link.
    OffNoLink,
}

/// One stay in a session. Times are milliseconds after the creation.
#[derive(Debug, Clone, Copy)]
struct Stay {
    joined_ms: i64,
    left_ms: i64,
    person: Person,
}

/// One session of a meeting.
#[derive(Debug)]
pub(super) struct Meeting {
    id: String,
    room: Arc<Room>,
    created_at: DateTime<Utc>,
    /// In order of joining.
    stays: Vec<Stay>,
    /// Milliseconds metered at the end that no participant explains.
    unexplained_ms: i64,
    ended_ms: i64,
    has_undocumented: bool,
    has_meta: bool,
    is_recorded: bool,
}

/// Returns all sessions of a world, oldest first.
pub(super) fn generate(rng: &mut SmallRng, volume: Volume, span: Span) -> Vec<Meeting> {
    let rooms: Vec<Arc<Room>> = (0..ROOMS).map(|number| Arc::new(room(rng, number))).collect();
    let starts = starts(rng, volume, span);
    let session = |at| {
        let room = rng.random_range(0..rooms.len());
        one(rng, at, Arc::clone(&rooms[room]))
    };
    starts.into_iter().map(session).collect()
}

fn room(rng: &mut SmallRng, number: usize) -> Room {
    let letters =
        |rng: &mut SmallRng| -> String { (0..6).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect() };
    // The older API used names instead of UUIDs as ids of rooms.
    let is_v1 = number % 13 == 12;
    let associated_id = if is_v1 { format!("{}-{}", letters(rng), letters(rng)) } else { uuid_v4(rng) };
    let title = format!("{} {}", pick(rng, &TITLES), number + 1);
    let transcription = match number % 14 {
        5 => Transcription::OffNotFound,
        11 => Transcription::OffNoLink,
        _ => Transcription::On,
    };
    Room { associated_id, title, is_livestream: number % 10 == 9, transcription }
}

fn one(rng: &mut SmallRng, created_at: DateTime<Utc>, room: Arc<Room>) -> Meeting {
    let lasts_ms = skewed_ms(rng, TimeDelta::minutes(2), TimeDelta::minutes(100));
    let people = match rng.random_range(0..10) {
        _ if room.is_livestream => rng.random_range(8..40),
        0 => 1,
        1..8 => rng.random_range(2..5),
        _ => rng.random_range(5..14),
    };
    let is_blink = rng.random_bool(0.01);
    let stay = |number: i64| {
        let joined_ms = if number == 0 { 0 } else { rng.random_range(0..lasts_ms / 3) };
        let left_ms =
            if number < 2 { lasts_ms - rng.random_range(0..8_000) } else { rng.random_range(joined_ms..lasts_ms) };
        if is_blink { (0, 0) } else { (joined_ms, left_ms.max(joined_ms)) }
    };
    let presences: Vec<(i64, i64)> = (0..people).map(stay).collect();
    let id = uuid_v4(rng);
    let stays = stays(&id, &presences);
    let last_left_ms = stays.iter().map(|stay| stay.left_ms).max().unwrap_or(0);
    Meeting {
        unexplained_ms: if seeded(&["unexplained", &id]).random_bool(0.01) { 154_321 } else { 0 },
        id,
        room,
        created_at,
        stays,
        ended_ms: last_left_ms + 60_000 + rng.random_range(0..900),
        has_undocumented: rng.random_bool(0.35),
        has_meta: rng.random_bool(0.2),
        is_recorded: rng.random_bool(0.3),
    }
}

/// Returns the stays in order of joining. Each participant is another person, and some drop out and return.
fn stays(id: &str, presences: &[(i64, i64)]) -> Vec<Stay> {
    let rng = &mut seeded(&["stays", id]);
    // These steps visit all numbers before one repeats.
    let (first, step) = (rng.random_range(0..PEOPLE), pick(rng, &[1, 7, 11, 13, 17, 19, 23]));
    let mut stays = Vec::with_capacity(presences.len() + 1);
    for (number, (joined_ms, left_ms)) in presences.iter().copied().enumerate() {
        let person = Person((first + number * step) % PEOPLE);
        if left_ms - joined_ms > 180_000 && rng.random_bool(0.08) {
            let dropped_ms = rng.random_range(joined_ms + 30_000..left_ms - 90_000);
            let back_ms = dropped_ms + rng.random_range(3_000..55_000);
            stays.push(Stay { joined_ms, left_ms: dropped_ms, person });
            stays.push(Stay { joined_ms: back_ms, left_ms, person });
        } else {
            stays.push(Stay { joined_ms, left_ms, person });
        }
    }
    stays.sort_by_key(|stay| stay.joined_ms);
    stays
}

/// A meeting as of its last metering.
struct Metering {
    has_ended: bool,
    updated_ms: i64,
    inside: usize,
    most_inside: usize,
    joined: usize,
    /// In ten-thousandths, the provider's precision.
    minutes: Decimal,
}

/// Returns milliseconds as minutes, to the ten-thousandth.
fn minutes(ms: i64) -> Decimal {
    Decimal::new((ms + 3) / 6, 4)
}

impl Meeting {
    fn metering(&self, now: DateTime<Utc>) -> Metering {
        let updated_ms = self.updated_ms(now);
        let has_ended = updated_ms > self.ended_ms;
        let metered_ms = updated_ms.min(self.ended_ms);
        let joined = self.stays.iter().filter(|stay| stay.joined_ms <= metered_ms);
        let inside_at = |at: i64| self.stays.iter().filter(|stay| stay.joined_ms <= at && at < stay.left_ms).count();
        let spent_ms: i64 = joined.clone().map(|stay| stay.left_ms.min(metered_ms) - stay.joined_ms).sum();
        let metered_too_ms = if has_ended { self.unexplained_ms } else { 0 };
        Metering {
            has_ended,
            updated_ms,
            inside: if has_ended { 0 } else { inside_at(metered_ms) },
            most_inside: joined.clone().map(|stay| inside_at(stay.joined_ms)).max().unwrap_or(0).max(1),
            joined: joined.count(),
            minutes: minutes(spent_ms + metered_too_ms),
        }
    }

    /// Returns the last full minute, or the last joining or leaving after it; after the end, the time of closing.
    fn updated_ms(&self, now: DateTime<Utc>) -> i64 {
        let age_ms = (now - self.created_at).num_milliseconds().max(0);
        let closed_ms = self.ended_ms + CLOSING_MS;
        if age_ms >= closed_ms {
            return closed_ms;
        }
        let events = self.stays.iter().flat_map(|stay| [stay.joined_ms, stay.left_ms]);
        let last_event = events.filter(|at| *at <= age_ms).max().unwrap_or(0);
        last_event.max(age_ms / METERED_EVERY_MS * METERED_EVERY_MS).min(self.ended_ms)
    }

    fn after_creation(&self, offset_ms: i64) -> DateTime<Utc> {
        self.created_at + TimeDelta::milliseconds(offset_ms)
    }

    /// Returns when the session began.
    pub(super) fn started_at(&self) -> DateTime<Utc> {
        self.after_creation(-STARTED_BEFORE_CREATION_MS)
    }

    /// Adds fields that two public clients decode and no document names.
    fn write_undocumented(&self, json: &mut String, metering: &Metering) {
        let minutes = metering.minutes.normalize();
        let (recording, recorded) = match (self.is_recorded, metering.has_ended) {
            (true, true) => ("UPLOADED", minutes),
            (true, false) => ("RECORDING", Decimal::ZERO),
            (false, _) => ("NOT_RECORDED", Decimal::ZERO),
        };
        let (group_call, livestream) =
            if self.room.is_livestream { (Decimal::ZERO, minutes) } else { (minutes, Decimal::ZERO) };
        let _ = write!(
            json,
            r#","total_participants":{},"recording_status":"{recording}","livestream_status":"{}","group_call_minutes_consumed":{group_call},"webinar_minutes_consumed":0,"audio_room_minutes_consumed":0,"livestream_minutes_consumed":{livestream},"chat_minutes_consumed":0,"recording_minutes_consumed":{recorded},"transcription_minutes_consumed":0,"parent_session_id":null,"settings":{{}}"#,
            metering.joined,
            if self.room.is_livestream { "LIVESTREAMED" } else { "NOT_LIVESTREAMED" },
        );
    }
}

impl Session for Meeting {
    fn id(&self) -> &str {
        &self.id
    }

    fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    fn updated_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.after_creation(self.updated_ms(now))
    }

    fn render(&self, now: DateTime<Utc>) -> String {
        let metering = self.metering(now);
        let ended_at = metering.has_ended.then(|| iso(self.after_creation(self.ended_ms)));
        let mut json = format!(
            r#"{{"id":"{}","associated_id":"{}","meeting_display_name":{},"type":"{}","status":"{}","live_participants":{},"max_concurrent_participants":{},"minutes_consumed":{},"organization_id":"{ORGANIZATION}","started_at":"{}","ended_at":{},"created_at":"{}","updated_at":"{}""#,
            self.id,
            self.room.associated_id,
            json!(self.room.title),
            if self.room.is_livestream { "livestream" } else { "meeting" },
            if metering.has_ended { "ENDED" } else { "LIVE" },
            metering.inside,
            metering.most_inside,
            metering.minutes.normalize(),
            iso(self.started_at()),
            json!(ended_at),
            iso(self.created_at),
            iso(self.after_creation(metering.updated_ms)),
        );
        if self.has_undocumented {
            self.write_undocumented(&mut json, &metering);
        }
        if self.has_meta {
            let _ = write!(json, r#","meta":{{"room_name":"{}"}}"#, self.room.associated_id);
        }
        json.push('}');
        json
    }

    fn truth<'a>(existing: impl Iterator<Item = &'a Self>, now: DateTime<Utc>) -> ProviderTruth {
        let (mut sessions, mut minutes) = (0, Decimal::ZERO);
        for meeting in existing {
            sessions += 1;
            minutes += meeting.metering(now).minutes;
        }
        ProviderTruth { sessions, minutes_consumed: Some(minutes), ..ProviderTruth::default() }
    }
}
