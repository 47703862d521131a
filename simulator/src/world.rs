//! A generated past and near future of three providers.
//!
//! All events are decided from a seed when the world is generated; the visible part depends on the instant of the
//! request. So the same world gives the same answers at any time and in several processes, and always knows the
//! correct totals. Its sessions start, continue and end as real time passes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::avatars::{self, Avatars};
use crate::chats::{self, Chat};
use crate::distributions::Span;
pub use crate::distributions::Volume;
use crate::feed::Feed;
use crate::meetings;
use crate::meetings::files::Meetings;
use crate::settings::Platform;
use crate::timeline::Timeline;
use crate::truth::Truth;

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
