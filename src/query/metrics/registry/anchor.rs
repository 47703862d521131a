//! The time at which a row counts, and how values of different cells combine.
//!
//! These two properties of a metric decide how it is read: the time that puts its rows into a bucket, and whether the
//! values of two cells may be added. Names of columns are the only SQL here.

/// The time that puts a row into a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Start of the session or the run.
    StartedAt,
    /// Completion of the chat.
    CompletedAt,
    /// Time the message was sent.
    SentAt,
    /// Start of the presence.
    JoinedAt,
    /// End of the session.
    EndedAt,
    /// End of the bucket, or now if that is earlier; the state at that instant counts.
    AsOf,
    /// First visit of the person.
    FirstVisitAt,
    /// Time the record was first seen.
    FirstSeenAt,
    /// Time the change became known.
    ChangedAt,
    /// Start of the compared window.
    WindowFrom,
}

impl Anchor {
    /// All anchors.
    pub const ALL: [Self; 10] = [
        Self::StartedAt,
        Self::CompletedAt,
        Self::SentAt,
        Self::JoinedAt,
        Self::EndedAt,
        Self::AsOf,
        Self::FirstVisitAt,
        Self::FirstSeenAt,
        Self::ChangedAt,
        Self::WindowFrom,
    ];

    /// Returns the name of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartedAt => "started_at",
            Self::CompletedAt => "completed_at",
            Self::SentAt => "sent_at",
            Self::JoinedAt => "joined_at",
            Self::EndedAt => "ended_at",
            Self::AsOf => "as_of",
            Self::FirstVisitAt => "first_visit_at",
            Self::FirstSeenAt => "first_seen_at",
            Self::ChangedAt => "changed_at",
            Self::WindowFrom => "window_from",
        }
    }
}

/// Combination of the values of different cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additivity {
    /// Values may be added.
    Sum,
    /// Numerators and denominators may be added, never the values.
    RatioOfSums,
    /// Nothing may be added: the peak of a whole is not the sum of the peaks of its parts. Read along time.
    Maximum,
    /// May be added over groups; over time it is weighted by the length of the buckets. Read along time.
    TimeAverage,
    /// Like a maximum, of a state at one instant.
    MaximumAsOf,
    /// A state at one instant: it may be added over groups; over time only the last one counts.
    StateAsOf,
    /// Distinct people: a person counts once, so nothing may be added.
    Distinct,
    /// A percentile: nothing may be added.
    Percentile,
}

impl Additivity {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::RatioOfSums => "ratio_of_sums",
            Self::Maximum | Self::MaximumAsOf => "maximum",
            Self::TimeAverage => "time_average",
            Self::StateAsOf => "state_as_of",
            Self::Distinct => "distinct",
            Self::Percentile => "percentile",
        }
    }

    /// Returns whether it is read along time.
    pub fn is_along_time(self) -> bool {
        matches!(self, Self::Maximum | Self::TimeAverage)
    }

    /// Returns whether parts add up to the whole, source by source and bucket by bucket.
    pub fn adds_up(self) -> bool {
        matches!(self, Self::Sum | Self::RatioOfSums)
    }
}
