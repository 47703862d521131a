//! A generated past and near future of three providers.
//!
//! All events are decided from a seed when the world is generated; the visible part depends on the instant of the
//! request. So the same world gives the same answers at any time and in several processes, and always knows the
//! correct totals. Its sessions start, continue and end as real time passes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::demo::simulator::Platform;
use crate::demo::simulator::avatars::{self, Avatars};
use crate::demo::simulator::chats::{self, Chat};
use crate::demo::simulator::distributions::Span;
use crate::demo::simulator::feed::Feed;
use crate::demo::simulator::meetings::{self, Meetings};
use crate::demo::simulator::timeline::Timeline;

/// Number of sessions of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// In the past.
    pub history: usize,
    /// Sessions in each future hour; the last minutes before the present have the same rate.
    pub per_hour_ahead: u32,
}

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How far back it goes, days.
    pub history_days: u32,
    /// How far ahead it goes, hours. No session starts later.
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

/// The correct totals of one provider. `None` means "not applicable".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProviderTruth {
    /// Sessions that exist.
    pub sessions: u64,
    /// Minutes that the provider meters, exact; as text in JSON. KonPro's seconds are added up first and divided
    /// last.
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
    /// Presences in meetings, including those that have not ended; a participant who joins twice counts twice.
    pub participants: Option<u64>,
    /// Their durations as the provider gives them, minutes, exact; as text in JSON. Presences that have not ended
    /// have 0.
    #[serde(serialize_with = "as_text")]
    pub participant_minutes: Option<Decimal>,
    /// Messages in the chat files available now: the meeting has ended, and the file is ready and has not been
    /// deleted. The next four fields count available files in the same way. A reader that came earlier may have more.
    pub chat_messages: Option<u64>,
    /// Transcripts with content, available now.
    pub transcripts: Option<u64>,
    /// Their segments.
    pub transcript_segments: Option<u64>,
    /// Words of their segments, counted in the same way as stored words.
    pub transcript_words: Option<u64>,
    /// Summaries available now.
    pub summaries: Option<u64>,
}

#[expect(clippy::ref_option, reason = "the form serde calls")]
fn as_text<S: Serializer>(number: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(|number| number.to_string()).serialize(serializer)
}

/// The correct totals of all providers.
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
    /// Generates a world around `now`. The same shape, seed and `now` give the same world, so a caller that continues
    /// with its data later stores all three.
    pub fn generate(shape: &Shape, seed: u64, now: DateTime<Utc>) -> Self {
        let span = Span {
            from: now - TimeDelta::days(i64::from(shape.history_days)),
            now,
            to: now + TimeDelta::hours(i64::from(shape.hours_ahead)),
        };
        // One generator for each provider, so that one provider's volume does not change another's sessions.
        let rng = |provider: u64| SmallRng::seed_from_u64(seed.wrapping_mul(3).wrapping_add(provider));
        Self {
            avatars: Arc::new(Avatars::new(avatars::generate(&mut rng(0), shape.avatars, span))),
            chats: Arc::new(Timeline(chats::generate(&mut rng(1), shape.chats, span))),
            meetings: Arc::new(Meetings::new(meetings::generate(&mut rng(2), shape.meetings, span))),
        }
    }

    /// Returns the feed of `platform`.
    pub fn feed(&self, platform: Platform) -> Arc<dyn Feed> {
        match platform {
            Platform::Konpro => Arc::clone(&self.avatars) as Arc<dyn Feed>,
            Platform::Konvo => Arc::clone(&self.chats) as Arc<dyn Feed>,
            Platform::Realtimekit => Arc::clone(&self.meetings) as Arc<dyn Feed>,
        }
    }

    /// Returns the correct totals at `now`, for providers with the default quirks.
    pub fn truth(&self, now: DateTime<Utc>) -> Truth {
        let truth = |platform| self.feed(platform).truth(now).unwrap_or_default();
        Truth {
            konpro: truth(Platform::Konpro),
            konvo: truth(Platform::Konvo),
            realtimekit: truth(Platform::Realtimekit),
        }
    }
}
