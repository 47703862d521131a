//! Generated KonPro sessions: streamed avatars.
//!
//! A session is new, connects, and then its duration grows until it stops. No field says that it has ended, and its
//! status keeps its last value. Some never connect. Creation times are whole seconds, so equal ones are common; final
//! durations are sometimes fractional. API calls can start more sessions.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;
use serde_json::json;

use crate::distributions::{Span, Volume, pick, skewed_ms, starts, uuid_v1};
use crate::feed::{Bounds, Entry, Feed, Launch};
use crate::quirks::Quirks;
use crate::timeline::{Session, Timeline, entry};
use crate::truth::ProviderTruth;

const KEY_TYPES: [&str; 3] = ["TRIAL", "PRO", "ENTERPRISE"];
const AVATARS: [&str; 6] = [
    "default",
    "Anna_public_3",
    "Wayne_20240711",
    "June_HR_public",
    "Dexter_Doctor_Standing2_public",
    "Shawn_Therapist",
];
const VOICES: [Option<&str>; 6] = [
    None,
    Some("Warm Female EN"),
    Some("Calm Male EN"),
    Some("Klara DE"),
    Some("Lucía ES – cálida"),
    Some("さくら JA"),
];

/// How far a session gets. Times are milliseconds after its creation.
#[derive(Debug, Clone, Copy)]
enum Course {
    /// It stays `new`.
    NeverTried,
    /// It stays `connecting`.
    NeverConnected { connecting_ms: i64 },
    /// It connects and runs.
    Connected { connecting_ms: i64, connected_ms: i64, duration_tenths: i64 },
}

/// One streamed avatar.
#[derive(Debug)]
pub(super) struct AvatarStream {
    id: String,
    created_at: DateTime<Utc>,
    course: Course,
    key_type: &'static str,
    avatar: Cow<'static, str>,
    voice: Option<Cow<'static, str>>,
}

/// Returns all sessions of a world, oldest first.
pub(super) fn generate(rng: &mut SmallRng, volume: Volume, span: Span) -> Vec<AvatarStream> {
    let whole_second = |at: DateTime<Utc>| DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at);
    starts(rng, volume, span).into_iter().map(|at| one(rng, whole_second(at))).collect()
}

fn one(rng: &mut SmallRng, created_at: DateTime<Utc>) -> AvatarStream {
    let connecting_ms = rng.random_range(300..2_500);
    let course = match rng.random_range(0..100) {
        0..3 => Course::NeverTried,
        3..7 => Course::NeverConnected { connecting_ms },
        _ => {
            let lasts_ms = skewed_ms(rng, TimeDelta::seconds(12), TimeDelta::minutes(40));
            let is_whole = rng.random_bool(0.7);
            // Multiples of 0.3 s: their minutes are finite decimals, so that sums are exact in any order.
            let duration_tenths = if is_whole { lasts_ms / 3_000 * 30 } else { lasts_ms / 300 * 3 };
            Course::Connected {
                connecting_ms,
                connected_ms: connecting_ms + rng.random_range(800..6_000),
                duration_tenths,
            }
        }
    };
    AvatarStream {
        id: uuid_v1(rng),
        created_at,
        course,
        key_type: pick(rng, &KEY_TYPES),
        avatar: pick(rng, &AVATARS).into(),
        voice: pick(rng, &VOICES).map(Cow::from),
    }
}

impl AvatarStream {
    fn age_ms(&self, now: DateTime<Utc>) -> i64 {
        (now - self.created_at).num_milliseconds()
    }

    fn status(&self, now: DateTime<Utc>) -> &'static str {
        let age_ms = self.age_ms(now);
        match self.course {
            Course::Connected { connected_ms, .. } if age_ms >= connected_ms => "connected",
            Course::Connected { connecting_ms, .. } | Course::NeverConnected { connecting_ms }
                if age_ms >= connecting_ms =>
            {
                "connecting"
            }
            _ => "new",
        }
    }

    /// Returns the duration in tenths of a second: multiples of three seconds while the session runs, its exact
    /// length afterwards.
    fn duration_tenths(&self, now: DateTime<Utc>) -> i64 {
        let Course::Connected { connected_ms, duration_tenths, .. } = self.course else { return 0 };
        let running_tenths = (self.age_ms(now) - connected_ms).max(0) / 3_000 * 30;
        running_tenths.min(duration_tenths)
    }
}

impl Session for AvatarStream {
    fn id(&self) -> &str {
        &self.id
    }

    fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    fn updated_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let last_ms = match self.course {
            Course::NeverTried => 0,
            Course::NeverConnected { connecting_ms } => connecting_ms,
            Course::Connected { connected_ms, duration_tenths, .. } => connected_ms + duration_tenths * 100,
        };
        now.min(self.created_at + TimeDelta::milliseconds(last_ms))
    }

    fn render(&self, now: DateTime<Utc>) -> String {
        let duration = match self.course {
            Course::NeverTried => String::new(), // nothing was measured
            _ => format!("\"duration\":{},", Decimal::new(self.duration_tenths(now), 1).normalize()),
        };
        format!(
            r#"{{"session_id":"{}","status":"{}","created_at":{},"api_key_type":"{}",{duration}"avatar_id":{},"voice_name":{}}}"#,
            self.id,
            self.status(now),
            self.created_at.timestamp(),
            self.key_type,
            json!(self.avatar),
            json!(self.voice),
        )
    }

    fn truth<'a>(existing: impl Iterator<Item = &'a Self>, now: DateTime<Utc>) -> ProviderTruth {
        let (mut sessions, mut tenths) = (0, 0);
        for session in existing {
            sessions += 1;
            tenths += session.duration_tenths(now);
        }
        let seconds = Decimal::new(tenths, 1);
        ProviderTruth { sessions, minutes_consumed: Some(seconds / Decimal::from(60)), ..ProviderTruth::default() }
    }
}

/// The sessions of a world, and those that calls have started since.
#[derive(Debug)]
pub(super) struct Avatars {
    decided: Timeline<AvatarStream>,
    started: RwLock<Vec<AvatarStream>>,
}

impl Avatars {
    /// Creates the sessions of a world, with none started by calls.
    pub(super) fn new(decided: Vec<AvatarStream>) -> Self {
        Self { decided: Timeline(decided), started: RwLock::default() }
    }

    fn with_started<T>(&self, read: impl FnOnce(&[AvatarStream]) -> T) -> T {
        read(&self.started.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Feed for Avatars {
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry> {
        let mut entries = self.decided.index(now);
        self.with_started(|started| {
            let keyed = started.iter().enumerate();
            entries.extend(keyed.map(|(number, session)| entry(self.decided.0.len() + number, session, now)));
        });
        entries.sort_by_key(|entry| entry.created_at);
        entries
    }

    fn created_between(&self, bounds: Bounds, now: DateTime<Utc>) -> Vec<Entry> {
        let mut entries = self.decided.created_between(bounds, now);
        self.with_started(|started| {
            let within = started.iter().enumerate().filter(|(_, session)| bounds.contains(session.created_at));
            entries.extend(within.map(|(number, session)| entry(self.decided.0.len() + number, session, now)));
        });
        entries.sort_by_key(|entry| entry.created_at);
        entries
    }

    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize> {
        let started = || self.with_started(|started| started.iter().position(|session| session.id == id));
        self.decided.find(id, now).or_else(|| started().map(|number| self.decided.0.len() + number))
    }

    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String> {
        let started = || {
            let number = key.checked_sub(self.decided.0.len())?;
            self.with_started(|started| started.get(number).map(|session| session.render(now)))
        };
        self.decided.render(key, now).or_else(started)
    }

    fn start(&self, launch: &Launch, now: DateTime<Utc>) -> bool {
        let course = Course::Connected {
            connecting_ms: 600,
            connected_ms: 2_400,
            duration_tenths: launch.lasts_seconds / 3 * 30, // like all sessions: their minutes are finite decimals
        };
        self.started.write().unwrap_or_else(PoisonError::into_inner).push(AvatarStream {
            id: launch.id.clone(),
            created_at: DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now),
            course,
            key_type: "TRIAL",
            avatar: launch.avatar_id.clone().into(),
            voice: launch.voice_name.clone().map(Cow::from),
        });
        true
    }

    fn truth_with(&self, now: DateTime<Utc>, _: &Quirks) -> Option<ProviderTruth> {
        let decided = self.decided.existing(now).iter();
        Some(self.with_started(|started| AvatarStream::truth(decided.chain(started), now)))
    }
}
