//! A generated past and near future of three providers.
//!
//! Everything that will ever happen is decided when the world is made, from a seed; what is visible is a
//! question of the instant asked about. So the same world can be asked again, from several processes,
//! and always knows the true figures. Its sessions start, go on and end as real time passes.

use std::fmt::Debug;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::demo::simulator::Platform;
use crate::demo::simulator::avatars::{self, AvatarStream};
use crate::demo::simulator::chats::{self, Chat};
use crate::demo::simulator::feed::{Entry, Feed};
use crate::demo::simulator::meetings::{self, Meeting};
use crate::demo::simulator::rhythm::Span;

/// How many sessions of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// In the past.
    pub history: usize,
    /// In each hour to come; the last minutes before the present have as many.
    pub per_hour_ahead: u32,
}

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How far back it goes, days.
    pub history_days: u32,
    /// How far ahead it goes, hours. Later nothing new starts.
    pub hours_ahead: u32,
    /// Avatar sessions at KonPro.
    pub avatars: Volume,
    /// Chats at Konvo.
    pub chats: Volume,
    /// Meetings at RealtimeKit.
    pub meetings: Volume,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            history_days: 60,
            hours_ahead: 24,
            avatars: Volume { history: 2500, per_hour_ahead: 20 },
            chats: Volume { history: 2000, per_hour_ahead: 20 },
            meetings: Volume { history: 500, per_hour_ahead: 8 },
        }
    }
}

/// The figures of one provider as a perfect reader would have them. `None` is "not applicable".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProviderTruth {
    /// Sessions that exist.
    pub sessions: u64,
    /// What the provider meters, minutes, exact; as text in JSON. KonPro's seconds are added up first and
    /// divided last.
    #[serde(serialize_with = "as_text")]
    pub minutes_consumed: Option<Decimal>,
    /// Chats completed and not flagged unresolved.
    pub resolved: Option<u64>,
    /// Chats completed and flagged unresolved.
    pub unresolved: Option<u64>,
    /// Chats not completed, flagged or not.
    pub open: Option<u64>,
    /// Messages of all chats.
    pub messages: Option<u64>,
}

#[expect(clippy::ref_option, reason = "the form serde calls")]
fn as_text<S: Serializer>(number: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(|number| number.to_string()).serialize(serializer)
}

/// The figures of all providers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Avatars.
    pub konpro: ProviderTruth,
    /// Chats.
    pub konvo: ProviderTruth,
    /// Meetings.
    pub realtimekit: ProviderTruth,
}

/// A session whose whole life is decided.
pub(super) trait Life: Debug + Send + Sync + 'static {
    fn id(&self) -> &str;
    fn created_at(&self) -> DateTime<Utc>;
    /// When the last change up to `now` was. Two equal answers mean that the record is the same.
    fn updated_at(&self, now: DateTime<Utc>) -> DateTime<Utc>;
    fn render(&self, now: DateTime<Utc>) -> String;
    fn truth<'a>(existing: impl Iterator<Item = &'a Self>, now: DateTime<Utc>) -> ProviderTruth;
}

/// Sessions of one provider, oldest first.
#[derive(Debug)]
struct Timeline<T>(Vec<T>);

impl<T: Life> Timeline<T> {
    fn existing(&self, now: DateTime<Utc>) -> &[T] {
        &self.0[..self.0.partition_point(|session| session.created_at() <= now)]
    }
}

impl<T: Life> Feed for Timeline<T> {
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry> {
        let entry = |(key, session): (usize, &T)| Entry {
            key,
            created_at: session.created_at(),
            updated_at: session.updated_at(now),
        };
        self.existing(now).iter().enumerate().map(entry).collect()
    }

    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize> {
        self.existing(now).iter().position(|session| session.id() == id)
    }

    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String> {
        self.0.get(key).map(|session| session.render(now))
    }

    fn truth(&self, now: DateTime<Utc>) -> Option<ProviderTruth> {
        Some(T::truth(self.existing(now).iter(), now))
    }
}

/// A generated world of three providers.
#[derive(Debug, Clone)]
pub struct World {
    avatars: Arc<Timeline<AvatarStream>>,
    chats: Arc<Timeline<Chat>>,
    meetings: Arc<Timeline<Meeting>>,
}

impl World {
    /// Makes a world around `now`. The same shape, seed and `now` make the same world, so whoever wants
    /// to go on with its data later keeps all three.
    pub fn generate(shape: &Shape, seed: u64, now: DateTime<Utc>) -> Self {
        let span = Span {
            from: now - TimeDelta::days(i64::from(shape.history_days)),
            now,
            to: now + TimeDelta::hours(i64::from(shape.hours_ahead)),
        };
        // A generator each, so that one provider's volume does not change another's sessions.
        let rng = |provider: u64| SmallRng::seed_from_u64(seed.wrapping_mul(3).wrapping_add(provider));
        Self {
            avatars: Arc::new(Timeline(avatars::generate(&mut rng(0), shape.avatars, span))),
            chats: Arc::new(Timeline(chats::generate(&mut rng(1), shape.chats, span))),
            meetings: Arc::new(Timeline(meetings::generate(&mut rng(2), shape.meetings, span))),
        }
    }

    /// What `platform` lists in this world.
    pub fn feed(&self, platform: Platform) -> Arc<dyn Feed> {
        match platform {
            Platform::Konpro => Arc::clone(&self.avatars) as Arc<dyn Feed>,
            Platform::Konvo => Arc::clone(&self.chats) as Arc<dyn Feed>,
            Platform::Realtimekit => Arc::clone(&self.meetings) as Arc<dyn Feed>,
        }
    }

    /// The true figures at `now`.
    pub fn truth(&self, now: DateTime<Utc>) -> Truth {
        Truth {
            konpro: AvatarStream::truth(self.avatars.existing(now).iter(), now),
            konvo: Chat::truth(self.chats.existing(now).iter(), now),
            realtimekit: Meeting::truth(self.meetings.existing(now).iter(), now),
        }
    }
}
