//! Status of a bucket: how far it is proven, which decides what its values may state.
//!
//! It uses only the catalog's facts about the sources behind a bucket, never the sums in it: the sums of an empty
//! bucket and of a bucket that was not read yet are the same.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::catalog::Source;
use crate::query::range::TimeRange;

/// Completeness of a bucket, by the streams behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BucketStatus {
    /// All streams are proven complete over the bucket: a zero is a real zero.
    Complete,
    /// The bucket has begun and ends in the future: values are those so far.
    InProgress,
    /// The bucket begins in the future.
    NotBegun,
    /// The bucket has ended and a stream is not proven complete over it yet, or a stream was never read.
    AwaitingSync,
    /// A range in the bucket could not be proven complete.
    HasGap,
    /// A range in the bucket could not be proven complete, and an operator accepts that.
    AcceptedGap,
    /// The bucket lies before all requested history.
    BeforeHistory,
}

impl BucketStatus {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::InProgress,
        Self::NotBegun,
        Self::AwaitingSync,
        Self::HasGap,
        Self::AcceptedGap,
        Self::BeforeHistory,
    ];

    /// Returns its name, which is also the reason of a value that is missing because of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::InProgress => "in_progress",
            Self::NotBegun => "not_begun",
            Self::AwaitingSync => "awaiting_sync",
            Self::HasGap => "has_gap",
            Self::AcceptedGap => "accepted_gap",
            Self::BeforeHistory => "before_history",
        }
    }

    /// Returns the status of a bucket for these sources. Sources whose history begins after it do not count, unless
    /// none is left, or a backfill has proven part of the bucket.
    pub fn of(sources: &[&Source], bucket: TimeRange, now: DateTime<Utc>) -> Self {
        let touches = |range: &TimeRange| range.touches(bucket);
        let is_backfilled = |source: &Source| source.streams.iter().any(|stream| stream.proven.iter().any(touches));
        let feeding = || sources.iter().filter(|source| source.history_from < bucket.to || is_backfilled(source));
        if !sources.is_empty() && feeding().next().is_none() {
            return Self::BeforeHistory;
        }
        let streams = || feeding().flat_map(|source| &source.streams);
        if streams().flat_map(|stream| &stream.gaps).any(touches) {
            return Self::HasGap;
        }
        if streams().flat_map(|stream| &stream.accepted).any(touches) {
            return Self::AcceptedGap;
        }
        if bucket.from >= now {
            return Self::NotBegun;
        }
        let is_unpolled = sources.is_empty() || feeding().any(|source| source.streams.is_empty());
        if bucket.to > now && !is_unpolled {
            return Self::InProgress;
        }
        // An earlier gap does not affect a bucket that lies in a separate proven range.
        let is_proven = feeding().all(|source| {
            let from = if source.history_from < bucket.to { bucket.from.max(source.history_from) } else { bucket.from };
            let wanted = TimeRange { from, ..bucket };
            source.streams.iter().all(|stream| stream.proven.iter().any(|range| range.covers(wanted)))
        });
        if is_unpolled || !is_proven {
            return Self::AwaitingSync;
        }
        Self::Complete
    }
}
