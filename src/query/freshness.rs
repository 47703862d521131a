//! How fresh an answer is: not when it was made, but up to when the data behind it is proven complete.
//!
//! A cache time moves when the cache is filled and stands still when a source changes; the instant up to
//! which every page was read does neither. It stands in every answer.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::catalog::{Catalog, Source};

/// Whether an answer can be acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreshnessState {
    /// All streams behind it are proven complete up to a short while ago.
    Fresh,
    /// At least one is not.
    Stale,
}

/// How far the data behind an answer is proven complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Freshness {
    /// `stale` once a stream is further behind than it may be.
    pub state: FreshnessState,
    /// Everything before this instant is stored, over all streams involved; null: one of them has proven nothing yet.
    pub complete_through: Option<DateTime<Utc>>,
    /// The oldest instant at which the state of what is stored was last seen, over the range asked about and all streams
    /// involved: outcomes, ends and minutes that changed later may not be stored yet. Null: for some of it that is not
    /// known.
    pub state_as_of: Option<DateTime<Utc>>,
    /// State of what is stored: a number that grows with each writing, and only then. A poll that finds nothing new
    /// leaves it.
    #[schema(example = "d48213")]
    pub data_version: String,
    /// The streams involved. Sources that are no longer configured are left out.
    pub streams: Vec<StreamFreshness>,
}

/// How far one stream is proven complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamFreshness {
    /// Slug of the source.
    #[schema(example = "rtk-prod")]
    pub source: String,
    /// Kind of platform.
    #[schema(example = "realtimekit")]
    pub provider: String,
    /// Kind of record polled.
    #[schema(example = "sessions")]
    pub stream: String,
    /// Everything before this instant is stored; null: nothing is proven yet.
    pub complete_through: Option<DateTime<Utc>>,
    /// The oldest instant at which the state of what is stored was last seen, over the range asked about; null: for some
    /// of it that is not known.
    pub state_as_of: Option<DateTime<Utc>>,
    /// When a run last ended complete; null: never.
    pub last_success_at: Option<DateTime<Utc>>,
    /// `complete`, `incomplete`, `failed`, `rate_limited`, `cancelled` or `never_ran`.
    #[schema(example = "complete")]
    pub last_verdict: String,
}

impl Freshness {
    /// The freshness of what `sources` give, at `now`; a stream is stale when it is proven complete only up to
    /// more than `stale_after` ago.
    pub fn of(catalog: &Catalog, sources: &[&Source], now: DateTime<Utc>, stale_after: TimeDelta) -> Self {
        let mut complete_through = Some(DateTime::<Utc>::MAX_UTC);
        let mut state_as_of = Some(DateTime::<Utc>::MAX_UTC);
        let mut streams = Vec::new();
        for source in sources.iter().filter(|source| source.is_enabled) {
            if source.streams.is_empty() {
                complete_through = None;
            }
            for stream in &source.streams {
                complete_through = complete_through.zip(stream.complete_through).map(|(a, b)| a.min(b));
                state_as_of = state_as_of.zip(stream.state_as_of).map(|(a, b)| a.min(b));
                streams.push(StreamFreshness {
                    source: source.source.clone(),
                    provider: source.provider.clone(),
                    stream: stream.stream.clone(),
                    complete_through: stream.complete_through,
                    state_as_of: stream.state_as_of,
                    last_success_at: stream.last_success_at,
                    last_verdict: stream.last_verdict.clone(),
                });
            }
        }
        let complete_through = complete_through.filter(|_| !streams.is_empty());
        let is_fresh = complete_through.is_some_and(|at| now - at <= stale_after);
        Self {
            state: if is_fresh { FreshnessState::Fresh } else { FreshnessState::Stale },
            complete_through,
            state_as_of: state_as_of.filter(|_| !streams.is_empty()),
            data_version: catalog.data_version(),
            streams,
        }
    }
}
