//! A generated past and near future of three providers.
//!
//! Everything that will ever happen is decided when the world is made, from a seed; what is visible is a
//! question of the instant asked about. So the same world can be asked again, from several processes,
//! and always knows the true figures. Its sessions start, go on and end as real time passes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::demo::simulator::Platform;
use crate::demo::simulator::avatars::{self, Avatars};
use crate::demo::simulator::chats::{self, Chat};
use crate::demo::simulator::feed::Feed;
use crate::demo::simulator::meetings::{self, Meetings};
use crate::demo::simulator::rhythm::Span;
use crate::demo::simulator::timeline::Timeline;

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
    /// Presences in meetings, those still inside included; whoever comes twice is two.
    pub participants: Option<u64>,
    /// Their durations as the provider gives them, minutes, exact; as text in JSON. Those still inside have 0.
    #[serde(serialize_with = "as_text")]
    pub participant_minutes: Option<Decimal>,
    /// Messages in the chat files that can be had now: the meeting has ended, the file is ready, and has
    /// not yet vanished. So are the next four. A reader who was there earlier may have more.
    pub chat_messages: Option<u64>,
    /// Transcripts with content that can be had now.
    pub transcripts: Option<u64>,
    /// Their segments.
    pub transcript_segments: Option<u64>,
    /// Their words, counted as those that are stored.
    pub transcript_words: Option<u64>,
    /// Summaries that can be had now.
    pub summaries: Option<u64>,
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

/// A generated world of three providers.
#[derive(Debug, Clone)]
pub struct World {
    avatars: Arc<Avatars>,
    chats: Arc<Timeline<Chat>>,
    meetings: Arc<Meetings>,
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
            avatars: Arc::new(Avatars::new(avatars::generate(&mut rng(0), shape.avatars, span))),
            chats: Arc::new(Timeline(chats::generate(&mut rng(1), shape.chats, span))),
            meetings: Arc::new(Meetings::new(meetings::generate(&mut rng(2), shape.meetings, span))),
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

    /// The true figures at `now`, with providers of the usual habits.
    pub fn truth(&self, now: DateTime<Utc>) -> Truth {
        let truth = |platform| self.feed(platform).truth(now).unwrap_or_default();
        Truth {
            konpro: truth(Platform::Konpro),
            konvo: truth(Platform::Konvo),
            realtimekit: truth(Platform::Realtimekit),
        }
    }
}
