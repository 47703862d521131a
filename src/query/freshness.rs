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
    /// All streams behind the response are proven complete, over the requested range, up to a short while ago.
    Fresh,
    /// At least one stream is not.
    Stale,
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
    #[schema(example = "d48213")]
    pub data_version: String,
    /// The streams involved. Sources that are no longer configured are left out.
    pub streams: Vec<StreamFreshness>,
}

/// Completeness of one stream.
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
    #[schema(example = "complete")]
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
    /// Returns the freshness of all data of `sources` at `now`. A stream is stale if it is proven complete only up to
    /// more than `stale_after` ago.
    pub fn of(catalog: &Catalog, sources: &[&Source], now: DateTime<Utc>, stale_after: TimeDelta) -> Self {
        Self::over(catalog, sources, None, now, stale_after)
    }

    /// Returns the freshness of the data of `sources` over `range`, for which the catalog was read. Data outside the
    /// range do not count.
    pub fn over(
        catalog: &Catalog,
        sources: &[&Source],
        range: Option<TimeRange>,
        now: DateTime<Utc>,
        stale_after: TimeDelta,
    ) -> Self {
        // A range that has not begun is treated as no range.
        let range = range.filter(|range| range.from < now);
        let mut of_range: Option<RangeProof> = None;
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
                let proof = range.and_then(|range| RangeProof::of(source, stream, range));
                of_range = of_range.into_iter().chain(proof).reduce(RangeProof::and);
                streams.push(StreamFreshness {
                    source: source.source.clone(),
                    provider: source.provider.clone(),
                    stream: stream.stream.clone(),
                    complete_through: stream.complete_through,
                    state_as_of: stream.state_as_of,
                    range: proof,
                    last_success_at: stream.last_success_at,
                    last_verdict: stream.last_verdict.clone(),
                });
            }
        }
        let complete_through = complete_through.filter(|_| !streams.is_empty());
        let is_unpolled = sources.iter().any(|source| source.is_enabled && source.streams.is_empty());
        let is_fresh = match range.zip(of_range) {
            Some((range, proof)) => !is_unpolled && proof.is_within(range, now, stale_after),
            None => complete_through.is_some_and(|at| now - at <= stale_after),
        };
        Self {
            state: if is_fresh { FreshnessState::Fresh } else { FreshnessState::Stale },
            complete_through,
            state_as_of: state_as_of.filter(|_| !streams.is_empty()),
            range: of_range,
            data_version: catalog.data_version(),
            streams,
        }
    }
}
