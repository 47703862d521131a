//! Freshness of an answer: the instant up to which its data are proven complete.
//!
//! The time at which a cache is filled moves without new data, and stands still when a source changes. The instant up
//! to which every page was read does neither, so every answer states it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::catalog::{Catalog, Source, StreamState};
use crate::query::range::TimeRange;

/// Whether the data behind a response are up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreshnessState {
    /// All streams behind the response are proven complete, over the requested range, to its end or up to at most
    /// `stale_after_seconds` of their source ago.
    Fresh,
    /// At least one stream is not.
    Stale,
}

impl FreshnessState {
    fn of(is_fresh: bool) -> Self {
        if is_fresh { Self::Fresh } else { Self::Stale }
    }

    fn is_fresh(self) -> bool {
        self == Self::Fresh
    }
}

/// Completeness of the data behind a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Freshness {
    /// `stale` if a stream is further behind than allowed.
    pub state: FreshnessState,
    /// Everything before this instant is stored, over all streams involved and since their history begins; null: one
    /// of them has no proven range yet. Ranges that an operator accepts do not delay it.
    pub complete_through: Option<DateTime<Utc>>,
    /// The oldest instant at which the state of the stored records was last checked, over the requested range and all
    /// streams involved: outcomes, ends and minutes that changed later may not be stored yet. Null: unknown for some
    /// of the records.
    pub state_as_of: Option<DateTime<Utc>>,
    /// Completeness of the requested range, over all streams involved; it decides `state`. Absent: no range was
    /// requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeProof>,
    /// Version of the stored data: increases with every write, and only then. A poll that finds nothing new leaves it
    /// unchanged.
    pub data_version: String,
    /// The response was read from a read replica, which held all that was committed before this instant. Absent: from
    /// the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_as_of: Option<DateTime<Utc>>,
    /// Whether an operator paused a stream involved: it lags until it is resumed.
    pub is_paused: bool,
    /// The streams involved. Sources that are no longer configured are left out.
    pub streams: Vec<StreamFreshness>,
    /// The only sources that the caller's key may see, so that all else in the response is about them alone. Absent:
    /// all sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_to_sources: Option<Vec<String>>,
}

/// Completeness of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamFreshness {
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record polled.
    pub stream: String,
    /// `stale` if it is further behind than allowed.
    pub state: FreshnessState,
    /// Lag from which it is stale: set for its source, or three intervals of its schedule.
    pub stale_after_seconds: i32,
    /// Whether an operator paused it.
    pub is_paused: bool,
    /// Everything before this instant is stored; null: nothing is proven yet.
    pub complete_through: Option<DateTime<Utc>>,
    /// The oldest instant at which the state of the stored records was last checked, over the requested range; null:
    /// unknown for some of the records.
    pub state_as_of: Option<DateTime<Utc>>,
    /// Completeness of the requested range. Absent: no range was requested, or the history of the source begins
    /// after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeProof>,
    /// Time at which a run last ended complete; null: never.
    pub last_success_at: Option<DateTime<Utc>>,
    /// `complete`, `incomplete`, `failed`, `rate_limited`, `cancelled` or `never_ran`.
    pub last_verdict: String,
}

/// Completeness of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RangeProof {
    /// Everything in the range before this instant is stored; null: its beginning is not proven.
    pub complete_through: Option<DateTime<Utc>>,
    /// Whether the whole range is proven; false while the range is not over, and if a gap in it is accepted.
    pub is_proven: bool,
    /// Whether an operator accepts a part of the range that could not be proven.
    pub has_accepted_gap: bool,
}

impl RangeProof {
    /// Returns how far a stream is proven over `range`; `None` if the history of its source begins after the range
    /// and no backfill has proven any of it.
    pub fn of(source: &Source, stream: &StreamState, range: TimeRange) -> Option<Self> {
        let touches = |other: &TimeRange| other.touches(range);
        let from = if source.history_from < range.to { range.from.max(source.history_from) } else { range.from };
        if source.history_from >= range.to && !stream.proven.iter().any(touches) {
            return None;
        }
        let holds = |covered: &&TimeRange| covered.from <= from && covered.to > from;
        Some(Self {
            complete_through: stream.covered().iter().find(holds).map(|covered| covered.to.min(range.to)),
            is_proven: stream.proven.iter().any(|proven| proven.covers(TimeRange { from, ..range })),
            has_accepted_gap: stream.accepted.iter().any(touches),
        })
    }

    /// Returns whether the range is complete as far as required at `now`: to its end, or up to `limit` ago.
    pub fn is_within(&self, range: TimeRange, now: DateTime<Utc>, limit: TimeDelta) -> bool {
        self.complete_through.is_some_and(|through| through >= range.to.min(now - limit))
    }

    fn and(self, other: Self) -> Self {
        Self {
            complete_through: self.complete_through.zip(other.complete_through).map(|(one, other)| one.min(other)),
            is_proven: self.is_proven && other.is_proven,
            has_accepted_gap: self.has_accepted_gap || other.has_accepted_gap,
        }
    }
}

impl Freshness {
    /// Returns the freshness of all data of `sources` at `now`.
    pub fn of(catalog: &Catalog, sources: &[&Source], now: DateTime<Utc>) -> Self {
        Self::over(catalog, sources, None, now)
    }

    /// Returns the freshness of the data of `sources` over `range`, for which the catalog was read. Data outside the
    /// range do not count.
    pub fn over(catalog: &Catalog, sources: &[&Source], range: Option<TimeRange>, now: DateTime<Utc>) -> Self {
        // A range that has not begun is treated as no range.
        let range = range.filter(|range| range.from < now);
        let enabled = || sources.iter().filter(|source| source.is_enabled);
        let is_unpolled = enabled().any(|source| source.streams.is_empty());
        let streams: Vec<StreamFreshness> = enabled()
            .flat_map(|source| source.streams.iter().map(|stream| StreamFreshness::of(source, stream, range, now)))
            .collect();
        let of_range = streams.iter().filter_map(|stream| stream.range).reduce(RangeProof::and);
        let oldest = |of: fn(&StreamFreshness) -> Option<DateTime<Utc>>| {
            streams.iter().map(of).min().flatten() // none, if one of them has none
        };
        // A source whose history begins after the range feeds nothing into it.
        let feeds = |stream: &&StreamFreshness| stream.range.is_some() || of_range.is_none();
        let is_fresh =
            !streams.is_empty() && !is_unpolled && streams.iter().filter(feeds).all(|stream| stream.state.is_fresh());
        Self {
            state: FreshnessState::of(is_fresh),
            complete_through: oldest(|stream| stream.complete_through).filter(|_| !is_unpolled),
            state_as_of: oldest(|stream| stream.state_as_of),
            range: of_range,
            data_version: catalog.data_version(),
            replica_as_of: catalog.replica_as_of,
            is_paused: streams.iter().any(|stream| stream.is_paused),
            streams,
            limited_to_sources: catalog.access.limit().map(<[String]>::to_vec),
        }
    }
}

impl StreamFreshness {
    fn of(source: &Source, stream: &StreamState, range: Option<TimeRange>, now: DateTime<Utc>) -> Self {
        let stale_after = TimeDelta::seconds(source.stale_after_seconds.into());
        let proof = range.and_then(|range| RangeProof::of(source, stream, range));
        let is_fresh = match range.zip(proof) {
            Some((range, proof)) => proof.is_within(range, now, stale_after),
            None => stream.complete_through.is_some_and(|at| now - at <= stale_after),
        };
        Self {
            source: source.source.clone(),
            provider: source.provider.clone(),
            stream: stream.stream.clone(),
            state: FreshnessState::of(is_fresh),
            stale_after_seconds: source.stale_after_seconds,
            is_paused: stream.is_paused,
            complete_through: stream.complete_through,
            state_as_of: stream.state_as_of,
            range: proof,
            last_success_at: stream.last_success_at,
            last_verdict: stream.last_verdict.clone(),
        }
    }
}
